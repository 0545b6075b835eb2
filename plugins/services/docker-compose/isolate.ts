/** Makes of a Compose project, as Compose reads it, one that runs beside it and reaches nothing of it. Pure. */
import { posix } from 'node:path';
import { z } from 'zod';
import { isBelow } from '#sdk/mounts.ts';

export interface Surroundings {
  /** Compose's name of the project that lives: names of its volumes begin with it. */
  project: string;
  /** The directory below which the unpacked files lie under their whole paths. */
  root: string;
  trees: readonly { path: string; realPath: string }[];
  /** Paths below the root that are, or go through, symlinks: where they lead to. */
  resolved: ReadonlyMap<string, string>;
  /** The image that each Compose service is to run. Services without one are left out. */
  images: ReadonlyMap<string, string>;
}

export interface Isolated {
  model: Record<string, unknown>;
  /** What is mounted from below the root, there or not: it may be a link, or not in the set. */
  mounted: string[];
}

/** All else that a service may say reaches for the host, for other containers, or for who watches their labels. */
const KEPT = [
  'command',
  'entrypoint',
  'environment',
  'env_file',
  'user',
  'group_add',
  'working_dir',
  'healthcheck',
  'init',
  'stop_signal',
  'stop_grace_period',
  'restart',
  'tmpfs',
  'shm_size',
  'ulimits',
  'read_only',
  'stdin_open',
  'tty',
  'hostname',
  'domainname',
  'expose',
  'mem_limit',
  'cpus',
  'cap_drop',
  'platform',
];

/** What a container may do within itself. `SYS_ADMIN` and the like would lead out of it. */
const HARMLESS_CAPS = new Set(
  ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP', 'SETFCAP', 'SYS_CHROOT'].concat([
    'NET_BIND_SERVICE',
    'NET_RAW',
    'NET_ADMIN',
    'MKNOD',
    'AUDIT_WRITE',
    'IPC_LOCK',
    'SYS_NICE',
    'SYS_PTRACE',
  ]),
);

/** Of the host, but the same for all, and only to be read. */
const OF_THE_SYSTEM = ['/etc/localtime', '/etc/timezone', '/usr/share/zoneinfo', '/etc/ssl/certs'];

const Unknown = z.record(z.string(), z.unknown());
const Service = z.looseObject({
  network_mode: z.string().optional(),
  networks: z.union([z.array(z.string()), z.record(z.string(), Unknown.nullable())]).optional(),
  container_name: z.string().optional(),
  links: z.array(z.string()).optional(),
  ports: z.array(z.unknown()).nullish(),
  depends_on: z.union([z.array(z.string()), Unknown]).optional(),
  volumes: z.array(z.union([z.string(), Unknown])).optional(),
  cap_add: z.array(z.string()).optional(),
  secrets: z.unknown().optional(),
  configs: z.unknown().optional(),
});
type Service = z.output<typeof Service>;

const Volume = z.looseObject({
  name: z.string().optional(),
  external: z.union([z.boolean(), z.looseObject({ name: z.string().optional() })]).optional(),
  driver_opts: Unknown.optional(),
});

export const ComposeModel = z.looseObject({
  version: z.unknown().optional(),
  services: z.record(z.string(), Service),
  volumes: z.record(z.string(), Volume.nullable()).optional(),
  secrets: z.record(z.string(), Unknown).optional(),
  configs: z.record(z.string(), Unknown).optional(),
});
export type ComposeModel = z.output<typeof ComposeModel>;

export function isolate(model: ComposeModel, around: Surroundings): Isolated {
  const chosen = Object.entries(model.services).filter(([name]) => around.images.has(name));
  const mounted = new Set<string>();
  const names = chosen.map(([name]) => name);
  const work: Work = { model, around, names, mounted, volumes: new Set(), aliases: aliasesOf(model) };
  const services = Object.fromEntries(chosen.map(([name, service]) => [name, isolatedService(work, name, service)]));
  const networked = Object.values(services).some((service) => 'networks' in service);
  return {
    model: {
      ...(model.version === undefined ? {} : { version: model.version }),
      services,
      volumes: Object.fromEntries([...work.volumes].map((key) => [key, ownVolume(model, key)])),
      ...(networked ? { networks: { default: { internal: true } } } : {}),
      ...filesOf(work, 'secrets'),
      ...filesOf(work, 'configs'),
    },
    mounted: [...mounted].toSorted(),
  };
}

interface Work {
  model: ComposeModel;
  around: Surroundings;
  names: readonly string[];
  mounted: Set<string>;
  /** Volumes that stay volumes. */
  volumes: Set<string>;
  /** By which other names a service is called by the others. */
  aliases: ReadonlyMap<string, string[]>;
}

function isolatedService(work: Work, name: string, service: Service): Record<string, unknown> {
  const { around, names } = work;
  const kept = Object.fromEntries(KEPT.filter((key) => service[key] !== undefined).map((key) => [key, service[key]]));
  const volumes = (service.volumes ?? []).map((mount) => isolatedMount(work, mount));
  const caps = (service.cap_add ?? []).filter((cap) => HARMLESS_CAPS.has(cap.toUpperCase().replace(/^CAP_/, '')));
  return {
    ...kept,
    image: around.images.get(name),
    ...networkOf(work, name, service),
    ...dependencies(service, names),
    ...(volumes.length === 0 ? {} : { volumes }),
    ...(caps.length === 0 ? {} : { cap_add: caps }),
    ...(service.secrets === undefined ? {} : { secrets: service.secrets }),
    ...(service.configs === undefined ? {} : { configs: service.configs }),
  };
}

/** One network that leads nowhere, in which all of them have the names that they had. */
function networkOf({ names, aliases }: Work, name: string, { network_mode: mode }: Service): Record<string, unknown> {
  const sharedWith = /^service:(.+)$/.exec(mode ?? '')?.[1];
  if (mode === 'none' || (sharedWith !== undefined && names.includes(sharedWith))) return { network_mode: mode };
  const own = aliases.get(name) ?? [];
  return { networks: { default: own.length === 0 ? {} : { aliases: own } } };
}

function aliasesOf({ services }: ComposeModel): Map<string, string[]> {
  const found = new Map<string, Set<string>>(Object.keys(services).map((name) => [name, new Set<string>()]));
  for (const [name, { networks, container_name: own, links }] of Object.entries(services)) {
    if (own !== undefined) found.get(name)?.add(own);
    for (const network of Array.isArray(networks) ? [] : Object.values(networks ?? {})) {
      for (const alias of z.array(z.string()).safeParse(network?.['aliases']).data ?? []) found.get(name)?.add(alias);
    }
    for (const link of links ?? []) {
      const [target = '', alias = ''] = link.split(':');
      if (alias !== '') found.get(target)?.add(alias);
    }
  }
  return new Map([...found].map(([name, aliases]) => [name, [...aliases].toSorted()]));
}

function dependencies({ depends_on: given }: Service, names: readonly string[]): Record<string, unknown> {
  if (given === undefined) return {};
  if (Array.isArray(given)) return { depends_on: given.filter((name) => names.includes(name)) };
  return { depends_on: Object.fromEntries(Object.entries(given).filter(([name]) => names.includes(name))) };
}

function isolatedMount(work: Work, mount: string | Record<string, unknown>): string | Record<string, unknown> {
  if (typeof mount !== 'string') {
    const { type, source, target, read_only: readOnly } = mount;
    if (type === 'tmpfs' || typeof source !== 'string') return { type, target };
    const place = placeOf(work, source);
    if (place === undefined)
      return { type: 'volume', source, target, ...(readOnly === true ? { read_only: true } : {}) };
    const read = readOnly === true || place.readOnly ? { read_only: true } : {};
    return { type: 'bind', source: place.path, target, ...read };
  }
  const [source = '', target, mode = 'rw'] = mount.split(':');
  if (target === undefined) return mount;
  const place = placeOf(work, source);
  if (place === undefined) return mount;
  const read = place.readOnly || /\bro\b/.test(mode);
  return `${place.path}:${target}${read ? ':ro' : ''}`;
}

interface Place {
  path: string;
  readOnly: boolean;
}

/** Where the data of a mount was unpacked; undefined for a volume that stays one, empty and of the copy's own. */
function placeOf(work: Work, source: string): Place | undefined {
  const { around, mounted } = work;
  if (source.startsWith('/')) {
    if (OF_THE_SYSTEM.some((path) => isBelow(source, path))) return { path: source, readOnly: true };
    const path = unpackedPlace(around, source);
    mounted.add(path);
    return { path: around.resolved.get(path) ?? path, readOnly: false };
  }
  const tree = treeOf(work, source);
  if (tree !== undefined) return { path: posix.join(around.root, tree), readOnly: false };
  work.volumes.add(source);
  return undefined;
}

/** Whatever a path on the host was, its like below the root: the copy never sees the one that lives. */
export function unpackedPlace({ root, trees }: Pick<Surroundings, 'root' | 'trees'>, path: string): string {
  if (isBelow(path, root)) return path;
  const tree = trees.find((one) => isBelow(path, one.path));
  return posix.join(root, tree === undefined ? path : `${tree.realPath}${path.slice(tree.path.length)}`);
}

/** The source of the set that holds a named volume's data. */
function treeOf({ model, around }: Work, key: string): string | undefined {
  const { name, external } = model.volumes?.[key] ?? {};
  const outside = typeof external === 'object' ? external.name : undefined;
  const known = external === undefined || external === false ? `${around.project}_${key}` : key;
  const end = `/volumes/${name ?? outside ?? known}/_data`;
  return around.trees.find(({ realPath }) => realPath.endsWith(end))?.realPath;
}

/** Memory stays memory; what lay elsewhere is an empty volume here. */
function ownVolume({ volumes }: ComposeModel, key: string): Record<string, unknown> {
  const options = volumes?.[key]?.driver_opts;
  return options?.['type'] === 'tmpfs' ? { driver_opts: options } : {};
}

function filesOf({ model, around }: Work, kind: 'secrets' | 'configs'): Record<string, unknown> {
  const given = Object.entries(model[kind] ?? {}).map(([key, { file, environment, content }]) => {
    if (typeof file === 'string') return [key, { file: unpackedPlace(around, file) }];
    return [key, environment === undefined ? { content } : { environment }];
  });
  return given.length === 0 ? {} : { [kind]: Object.fromEntries(given) };
}
