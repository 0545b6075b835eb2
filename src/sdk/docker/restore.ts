/** Bringing a container back to its snapshot: made anew from the whole configuration, with the content of its volumes. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import { type Container, find, lookFor, start, stop } from '#sdk/docker/container.ts';
import { copyVolume, removeHelper } from '#sdk/docker/copy.ts';
import { usersOf } from '#sdk/docker/coverage.ts';
import type { Engine } from '#sdk/docker/engine.ts';
import { imageId, tag } from '#sdk/docker/images.ts';
import {
  containerIn,
  imageName,
  partsOf,
  recordIn,
  type SnapshotName,
  type SnapshotRecord,
} from '#sdk/docker/shelf.ts';

export async function restoreSnapshot(
  engine: Engine,
  name: SnapshotName,
  state: 'running' | 'stopped' | 'asBefore',
): Promise<{ summary: string }> {
  const record = await recordOf(engine, name);
  const wanted = containerIn(record);
  const present = await lookFor(engine, name.guest);
  await requireAll(engine, name, { record, present });
  const run = state === 'asBefore' ? (present?.State.Running ?? false) : state === 'running';

  if (present !== undefined) await clearAway(engine, present);
  for (const { name: volume, copy, labels } of record.volumes) {
    engine.tools.progress({ note: volume });
    await makeAnew(engine, volume, labels);
    await copyVolume(engine, name, { from: copy, to: volume, image: imageName(name, 'image') });
  }
  await create(engine, name, { record, wanted });
  const made = await find(engine, name.guest);
  if (run) await start(engine, made);
  const now = await find(engine, name.guest);
  if (run && !now.State.Running) throw notRunning(engine, now);
  return { summary: `${name.guest} is as it was at ${record.createdAt}` };
}

async function recordOf(engine: Engine, name: SnapshotName): Promise<SnapshotRecord> {
  const record = recordIn(await partsOf(engine, name));
  if (record !== undefined) return record;
  throw new AutopilotError('HA_NOT_FOUND', `${engine.tools.name}: ${name.guest} has no whole snapshot ${name.label}`);
}

/** All that is needed, looked at before anything is taken away. */
async function requireAll(
  engine: Engine,
  name: SnapshotName,
  { record, present }: { record: SnapshotRecord; present: Container | undefined },
): Promise<void> {
  const missing: string[] = [];
  for (const image of [imageName(name, 'image'), ...(record.written === null ? [] : [record.written])]) {
    if ((await imageId(engine, image)) === undefined) missing.push(`image ${image}`);
  }
  for (const network of networksOf(containerIn(record))) {
    if (!(await exists(engine, `/networks/${encodeURIComponent(network)}`))) missing.push(`network ${network}`);
  }
  for (const { copy } of record.volumes) {
    if (!(await exists(engine, `/volumes/${copy}`))) missing.push(`volume ${copy}`);
  }
  await removeHelper(engine, name);
  for (const { name: volume } of record.volumes) {
    const others = await usersOf(engine, volume, present?.Id ?? '');
    if (others.length > 0) missing.push(`the volume ${volume} alone: ${others.join(', ')} uses it now`);
  }
  if (missing.length === 0) return;
  throw new AutopilotError(
    'HA_REMOTE_REFUSED',
    `${engine.tools.name}: ${name.guest} cannot be brought back, nothing was changed; missing: ${missing.join('; ')}`,
  );
}

const Anything = z.json();

async function exists(engine: Engine, path: string): Promise<boolean> {
  return engine.ask(Anything, path).then(
    () => true,
    (error: unknown) => {
      if (error instanceof AutopilotError && error.code === 'HA_NOT_FOUND') return false;
      throw error;
    },
  );
}

/** Its volumes stay, also those without a name. */
async function clearAway(engine: Engine, present: Container): Promise<void> {
  await stop(engine, present);
  await engine.change('DELETE', `/containers/${present.Id}`, { query: { v: false, force: true }, already: [404] });
}

async function makeAnew(engine: Engine, volume: string, labels: Record<string, string>): Promise<void> {
  await engine.change('DELETE', `/volumes/${encodeURIComponent(volume)}`, { already: [404] });
  await engine.change('POST', '/volumes/create', { body: { Name: volume, Driver: 'local', Labels: labels } });
}

async function create(
  engine: Engine,
  name: SnapshotName,
  { record, wanted }: { record: SnapshotRecord; wanted: Container },
): Promise<void> {
  const networks = Object.entries(endpointsOf(wanted));
  const [first] = networks;
  const ran = imageName(name, 'image');
  const written = record.written ?? ran;
  const reference = z.string().parse(wanted.Config['Image']);
  const named = /^[^@]+$/.test(reference) && !reference.startsWith('sha256:') && !/^[0-9a-f]{12,64}$/.test(reference);
  // The configuration names the image as it was written; for this moment that name stands for what is brought back.
  if (named) await tag(engine, written, reference);
  const body = {
    ...configOf(wanted),
    Image: named ? reference : written,
    HostConfig: hostConfigOf(wanted),
    // Older engines take one network here; the others are added before the container starts.
    NetworkingConfig: { EndpointsConfig: first === undefined ? {} : Object.fromEntries([first]) },
  };
  await engine.change('POST', '/containers/create', { query: { name: name.guest }, body });
  if (named) await tag(engine, ran, reference);
  for (const [network, EndpointConfig] of networks.slice(1)) {
    const path = `/networks/${encodeURIComponent(network)}/connect`;
    await engine.change('POST', path, { body: { Container: name.guest, EndpointConfig } });
  }
}

function modeOf({ HostConfig }: Container): string {
  return z.string().catch('default').parse(HostConfig['NetworkMode']);
}

/** With the network of another container go its host name and ports: the engine refuses them here. */
function configOf(wanted: Container): JsonObject {
  if (!modeOf(wanted).startsWith('container:')) return wanted.Config;
  const { Hostname: _name, Domainname: _domain, ExposedPorts: _ports, MacAddress: _mac, ...rest } = wanted.Config;
  return rest;
}

const Binds = z.array(z.string()).nullish();
const Mounts = z
  .array(z.looseObject({ Type: z.string(), Target: z.string(), Source: z.string().optional() }))
  .nullish();

/** Untouched, but for volumes without a name: the engine would make new ones. */
function hostConfigOf({ HostConfig, Mounts: mounted }: Container): JsonObject {
  const binds = Binds.parse(HostConfig['Binds']) ?? [];
  const volumes = mounted.filter(({ Type }) => Type === 'volume');
  const listed = (Mounts.parse(HostConfig['Mounts']) ?? []).map((mount) => {
    const found = volumes.find(({ Destination }) => Destination === mount.Target);
    return mount.Type === 'volume' && found?.Name !== undefined ? { ...mount, Source: found.Name } : mount;
  });
  const nameless = volumes.filter(({ Destination }) => {
    const bound = binds.some((bind) => bind.split(':')[1] === Destination);
    return !bound && !listed.some(({ Target }) => Target === Destination);
  });
  const added = nameless.map(({ Name, Destination }) => `${Name}:${Destination}`);
  return {
    ...HostConfig,
    ...(added.length === 0 ? {} : { Binds: [...binds, ...added] }),
    ...(listed.length === 0 ? {} : { Mounts: listed as JsonObject[] }),
  };
}

function networksOf(wanted: Container): string[] {
  return Object.keys(endpointsOf(wanted));
}

/** What the engine gave by itself (its short id as an alias) is given anew. */
function endpointsOf(wanted: Container): Record<string, JsonObject> {
  const mode = modeOf(wanted);
  if (mode === 'host' || mode === 'none' || mode.startsWith('container:')) return {};
  const short = wanted.Id.slice(0, 12);
  // The engine's own network takes no names and addresses, and not every engine has it.
  const own = mode === 'default' || mode === 'bridge' ? 'bridge' : undefined;
  const networks = Object.entries(wanted.NetworkSettings.Networks ?? {}).filter(([network]) => network !== own);
  const endpoints = networks.map(([network, endpoint]) => {
    const { IPAMConfig = null, Links, Aliases, DriverOpts = null, MacAddress } = endpoint;
    const aliases = (Aliases ?? []).filter((alias) => alias !== short);
    const given: JsonObject = { IPAMConfig, Links: Links ?? null, DriverOpts, MacAddress };
    return [network, { ...given, Aliases: aliases.length === 0 ? null : aliases }] as const;
  });
  return Object.fromEntries(endpoints);
}

function notRunning({ tools }: Engine, { Name, State }: Container): AutopilotError {
  return new AutopilotError(
    'HA_CHECK_FAILED',
    `${tools.name}: ${Name} was brought back and started, and is ${State.Status}`,
    {
      next: `see  docker logs ${Name}`,
    },
  );
}
