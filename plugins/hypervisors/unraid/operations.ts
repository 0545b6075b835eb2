/** What Unraid's API is asked, which right each question needs, and what is read of its answer. */
import { z } from 'zod';

export interface Operation<S extends z.ZodType = z.ZodType> {
  /** How messages call it. */
  what: string;
  /** What the API key must have. */
  right: string;
  text: string;
  shape: S;
  /** Set where an answer with holes in it is worth having. */
  partial?: true;
}

/** Whole numbers that JavaScript may not hold come as text. */
const Whole = z.coerce.number().int().nonnegative().nullish().catch(null);

export const CONTAINERS = {
  what: 'docker.containers',
  right: 'DOCKER:READ_ANY',
  text: 'query { docker { containers { id names state status } } }',
  shape: z.object({
    docker: z.object({
      containers: z.array(
        z.object({ id: z.string(), names: z.array(z.string()), state: z.string(), status: z.string() }),
      ),
    }),
  }),
} as const satisfies Operation;

/** libvirt's own, after what the server puts before it. */
const MachineId = z
  .string()
  .regex(/(?:^|:)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'is not the id of a machine');

export const DOMAINS = {
  what: 'vms.domains',
  right: 'VMS:READ_ANY',
  text: 'query { vms { domains { id name state } } }',
  shape: z.object({
    vms: z.object({
      domains: z.array(z.object({ id: MachineId, name: z.string().nullable(), state: z.string() })).nullable(),
    }),
  }),
} as const satisfies Operation;

const ArrayDisk = z.object({ name: z.string().nullish(), status: z.string().nullish(), numErrors: Whole });
const Disks = z.array(ArrayDisk).nullish();
const DISK = '{ name status numErrors }';

export const ARRAY = {
  what: 'array',
  right: 'ARRAY:READ_ANY',
  text: `query { array { state parities ${DISK} disks ${DISK} caches ${DISK} } }`,
  shape: z.object({ array: z.object({ state: z.string(), parities: Disks, disks: Disks, caches: Disks }) }),
  partial: true,
} as const satisfies Operation;

export const ROOM = {
  what: 'array.capacity',
  right: 'ARRAY:READ_ANY',
  text: 'query { array { capacity { kilobytes { total free } } caches { name fsSize fsFree } } }',
  shape: z.object({
    array: z.object({
      capacity: z.object({ kilobytes: z.object({ total: Whole, free: Whole }) }),
      caches: z.array(z.object({ name: z.string().nullish(), fsSize: Whole, fsFree: Whole })),
    }),
  }),
} as const satisfies Operation;

export const MEMORY = {
  what: 'metrics.memory',
  right: 'INFO:READ_ANY',
  text: 'query { metrics { memory { total available } } }',
  shape: z.object({ metrics: z.object({ memory: z.object({ total: Whole, available: Whole }).nullable() }) }),
} as const satisfies Operation;

export const VERSIONS = {
  what: 'info.versions',
  right: 'INFO:READ_ANY',
  text: 'query { info { versions { core { unraid api } } } }',
  shape: z.object({
    info: z.object({
      versions: z.object({ core: z.object({ unraid: z.string().nullish(), api: z.string().nullish() }) }),
    }),
  }),
} as const satisfies Operation;

export const RIGHTS = {
  what: 'me.permissions',
  right: 'ME:READ_ANY',
  text: 'query { me { roles permissions { resource actions } } }',
  shape: z.object({
    me: z.object({
      roles: z.array(z.string()),
      permissions: z.array(z.object({ resource: z.string(), actions: z.array(z.string()) })).nullable(),
    }),
  }),
} as const satisfies Operation;

const Any = z.unknown();

/** A container answers with itself, a virtual machine with whether it was done. */
export function change(type: 'container' | 'vm', how: string): Operation {
  const field = type === 'vm' ? 'vm' : 'docker';
  return {
    what: `${field}.${how}`,
    right: type === 'vm' ? 'VMS:UPDATE_ANY' : 'DOCKER:UPDATE_ANY',
    text: `mutation ($id: PrefixedID!) { ${field} { ${how}(id: $id) ${type === 'vm' ? '' : '{ id }'} } }`,
    shape: Any,
  };
}
