/** The methods of Proxmox VE 9.1.3's API that the fake has: which parameters each takes, and what it answers. */
import { z } from 'zod';

const flag = z.union([z.literal(0), z.literal(1)]);
const bytes = z.int().nonnegative();
const upid = z.string().regex(/^UPID:/);
const snapname = z
  .string()
  .regex(/^[a-z][a-z0-9_-]+$/i, 'invalid configuration ID')
  .max(40);
const vmid = z.coerce.number().int().min(100).max(999_999_999);
const yes = z.enum(['0', '1']);
const seconds = z.coerce.number().int().min(0);
const storage = z.string().regex(/^[a-z][a-z0-9\-_.]*[a-z0-9]$/i);

interface Method {
  params: z.ZodObject;
  returns: z.ZodType;
}

const none = z.strictObject({});
const method = (params: z.ZodObject, returns: z.ZodType): Method => ({ params, returns });
const takes = <S extends z.core.$ZodLooseShape>(shape: S) => z.strictObject(shape);

const task = z.object({
  upid,
  node: z.string(),
  pid: z.int(),
  pstart: z.int(),
  starttime: z.int(),
  type: z.string(),
  id: z.string(),
  user: z.string(),
});

const resource = z.object({
  id: z.string(),
  type: z.enum(['node', 'storage', 'lxc', 'qemu']),
  vmid: z.int().optional(),
  status: z.string().optional(),
  maxdisk: bytes.optional(),
  disk: bytes.optional(),
  maxmem: bytes.optional(),
  mem: bytes.optional(),
});

const snapshot = z.object({ name: z.string(), description: z.string(), snaptime: z.int().optional() });
const archive = z.object({ volid: z.string(), format: z.string(), size: bytes, ctime: bytes.optional() });
const status = z.object({ vmid: z.int(), status: z.enum(['stopped', 'running']), ha: z.object({}) });

const GUEST = '/nodes/{node}/{type}/{vmid}';

/** What a guest that is made from an archive may be given. */
const made = {
  vmid,
  force: yes.optional(),
  unique: yes.optional(),
  storage: storage.optional(),
  pool: z.string().optional(),
  description: z.string().max(8192).optional(),
  onboot: yes.optional(),
  protection: yes.optional(),
};

const NAMED = new Set([...Object.keys(made), 'hostname', 'ostemplate', 'restore']);

/** `rootfs`, `mp0`, `mp1` and so on. */
const volumesBesides = [
  (params: object) => Object.keys(params).every((key) => NAMED.has(key) || /^(?:rootfs|mp\d+)$/.test(key)),
  'property is not defined in schema',
] as const;

/** `{type}` stands for lxc and qemu, which differ in what is left out here. */
export const methods: Record<string, Method> = {
  'GET /version': method(none, z.object({ version: z.string(), release: z.string(), repoid: z.string() })),
  'GET /access/permissions': method(
    takes({ path: z.string().optional() }),
    z.record(z.string(), z.record(z.string(), z.literal(1))),
  ),
  'GET /cluster/resources': method(
    takes({ type: z.enum(['vm', 'storage', 'node', 'sdn']).optional() }),
    z.array(resource),
  ),
  [`GET ${GUEST}/status/current`]: method(none, status),
  [`GET ${GUEST}/config`]: method(none, z.record(z.string(), z.unknown())),
  [`GET ${GUEST}/feature`]: method(
    takes({ feature: z.enum(['snapshot', 'clone', 'copy']) }),
    z.object({ hasFeature: flag }),
  ),
  [`POST ${GUEST}/status/start`]: method(none, upid),
  [`POST ${GUEST}/status/stop`]: method(takes({ 'overrule-shutdown': yes.optional() }), upid),
  [`POST ${GUEST}/status/shutdown`]: method(takes({ timeout: seconds.optional(), forceStop: yes.optional() }), upid),
  [`GET ${GUEST}/snapshot`]: method(none, z.array(snapshot)),
  [`POST ${GUEST}/snapshot`]: method(
    takes({ snapname, description: z.string().optional(), vmstate: yes.optional() }),
    upid,
  ),
  [`DELETE ${GUEST}/snapshot/{snapname}`]: method(takes({ force: yes.optional() }), upid),
  [`POST ${GUEST}/snapshot/{snapname}/rollback`]: method(takes({ start: yes.optional() }), upid),
  'GET /nodes/{node}/tasks': method(
    takes({ vmid: vmid.optional(), source: z.enum(['archive', 'active', 'all']).optional() }),
    z.array(task),
  ),
  'GET /nodes/{node}/tasks/{upid}/status': method(
    none,
    z.object({ status: z.enum(['running', 'stopped']), exitstatus: z.string().optional(), upid }),
  ),
  'GET /nodes/{node}/tasks/{upid}/log': method(
    takes({ limit: seconds.optional() }),
    z.array(z.object({ n: z.int(), t: z.string() })),
  ),
  'POST /nodes/{node}/vzdump': method(
    takes({
      vmid: z.string(),
      storage,
      mode: z.enum(['snapshot', 'suspend', 'stop']),
      compress: z.enum(['0', '1', 'gzip', 'lzo', 'zstd']),
      'notes-template': z.string().max(1024).optional(),
      remove: yes.optional(),
    }),
    z.string(),
  ),
  'POST /nodes/{node}/lxc': method(
    takes({ ...made, hostname: z.string().optional(), ostemplate: z.string(), restore: yes })
      .catchall(z.string())
      .refine(...volumesBesides),
    upid,
  ),
  'POST /nodes/{node}/qemu': method(takes({ ...made, name: z.string().optional(), archive: z.string() }), upid),
  [`PUT ${GUEST}/config`]: method(takes({ delete: z.string().optional() }), z.null()),
  [`DELETE ${GUEST}`]: method(takes({ purge: yes.optional(), 'destroy-unreferenced-disks': yes.optional() }), upid),
  [`POST ${GUEST}/agent/ping`]: method(none, z.object({ result: z.object({}) })),
  'GET /nodes/{node}/vzdump/extractconfig': method(takes({ volume: z.string() }), z.string()),
  'GET /cluster/nextid': method(takes({ vmid: vmid.optional() }), z.int()),
  'GET /nodes/{node}/storage/{storage}/content': method(
    takes({ content: z.string().optional(), vmid: vmid.optional() }),
    z.array(archive),
  ),
  'DELETE /nodes/{node}/storage/{storage}/content/{volume}': method(none, upid.nullable()),
};
