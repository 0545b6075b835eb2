/** A copy of a service from its newest backup, shut off, that can be updated and broken at will; gone at the end. */
import { join } from 'node:path';
import { type Acting, act } from '#app/act.ts';
import { checkSettings } from '#app/check-settings.ts';
import { knownDecisions } from '#app/decisions.ts';
import { ARCHIVE, refOf } from '#app/plugin-ref.ts';
import { type Fingerprint, fingerprint, plantCanaries } from '#app/rehearse/fingerprint.ts';
import type { Settings } from '#app/settings.ts';
import { asJson, isObject } from '#config/instances.ts';
import type { ServiceConfig } from '#config/types.ts';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import { archive } from '#sdk/kinds/archive.ts';
import { service as kind, type RunningImage, type UpdateTarget } from '#sdk/kinds/service.ts';

export interface CloneWish {
  settings: Settings;
  service: ServiceConfig;
  /** Names the copy, and all that belongs to it. */
  trial: string;
  acting: Acting;
}

export interface Clone {
  /** The set that it was made from. */
  set: string;
  /** What a plugin of Compose projects is told of it. */
  config: JsonObject;
  /** The files that it does not write by itself. */
  settled: Fingerprint;
}

const TREE_TYPE = 'docker-compose';

/** @throws AutopilotError HA_USAGE for a service that cannot be copied. */
export function requireCopyable(settings: Settings, service: ServiceConfig): void {
  const { host } = settings.config.global;
  if (service.host !== host) {
    throw new AutopilotError('HA_USAGE', `${service.name} is on ${service.host}: rehearse it there`);
  }
  if (service.type === TREE_TYPE && service.backup !== null) return;
  throw new AutopilotError(
    'HA_USAGE',
    `${service.name} cannot be copied: only ${TREE_TYPE} services with backups can`,
    {
      next: `try its way back with the service itself, when nobody needs it:  enqueue rollback ${service.name}`,
    },
  );
}

export async function makeClone(wish: CloneWish): Promise<Clone> {
  const { settings, service, trial, acting } = wish;
  const unpacked = await unpackNewest(wish);
  const at = (realPath: string) => join(unpacked.root, realPath);
  const home = unpacked.trees.find(({ path }) => path === service.config['path']);
  if (home === undefined) {
    throw new AutopilotError('HA_NOT_FOUND', `the backup of ${service.name} does not hold its project's directory`);
  }
  const trees = unpacked.trees.map(({ realPath }) => at(realPath));
  await plantCanaries(trees, trial);
  const before = new Date();
  const started = await act(acting, kind, {
    action: 'trial',
    plugin: refOf('service', service),
    input: asJson({
      trial,
      root: unpacked.root,
      trees: unpacked.trees,
      release: unpacked.release,
      dumps: unpacked.dumps,
      dumpsAt: unpacked.dumpsAt,
      probes: service.backup?.drill.probes,
      registries: settings.config.registries,
      ...service.update.gate,
    }),
  });
  if (!started.healthy) {
    throw new AutopilotError('HA_CHECK_FAILED', `the copy of ${service.name} does not work: ${started.summary}`, {
      next: `its backup may not be restorable: try  homelab-autopilot enqueue drill ${service.name} --wait`,
    });
  }
  const path = at(home.realPath);
  const config = {
    path,
    project: `ha-trial-${trial}`,
    ...(service.config['socket'] === undefined ? {} : { socket: service.config['socket'] }),
    backup: { paths: trees.filter((tree) => tree !== path), ...quiesceOf(service) },
  };
  const plugin = refOf('service', { name: cloneName(trial), type: service.type, config });
  const { release } = await act(acting, kind, { action: 'release', plugin });
  const written = await fingerprint(release.configFiles, new Date());
  return { set: unpacked.set, config, settled: new Map([...(await fingerprint(trees, before)), ...written]) };
}

/** The copy is brought to rest as the service is, and is given the same time for it. */
function quiesceOf({ config }: ServiceConfig): JsonObject {
  const { backup } = config;
  const known = isObject(backup) ? backup['quiesce'] : undefined;
  return known === undefined ? {} : { quiesce: known };
}

async function unpackNewest({ settings, service, trial, acting }: CloneWish) {
  const { backup, name } = service;
  const { drill, encryption } = backup ?? {};
  const wanted = drill?.destination ?? backup?.destinations[0];
  const found = settings.config.destinations.find((one) => one.name === wanted);
  if (drill === undefined || encryption === undefined || found === undefined)
    throw new AutopilotError('HA_NOT_FOUND', `${name} has no destination`);
  const place = refOf('destination', found);
  return act(acting, archive, {
    action: 'unpack',
    plugin: ARCHIVE,
    uses: [place],
    input: {
      service: name,
      destination: place.name,
      place: trial,
      maxBytes: drill.maxBytes,
      dumps: drill.databases,
      encryption,
    },
  });
}

/** Removes everything of a copy from the engine, also of one that another process has left. */
export async function endClone({ service, trial, acting }: Omit<CloneWish, 'settings'>): Promise<void> {
  await act(acting, kind, { action: 'endTrial', plugin: refOf('service', service), input: { trial } });
  // What the update workflow has held for the way back of the copy, under the copy's own name.
  await act(acting, kind, {
    action: 'letGo',
    plugin: { ...refOf('service', service), name: cloneName(trial) },
    input: { keep: '' },
  });
}

/** It must not be the service's own: images are held by it. */
export function cloneName(trial: string): string {
  return `trial-${trial}`;
}

/** What the copy is updated to: what the service would be updated to, fetched; or, when nothing is newer, what it runs. */
export async function candidateOf(
  { settings, service, acting }: CloneWish,
  { to, running, tell }: { to: string | undefined; running: readonly RunningImage[]; tell(line: string): void },
): Promise<{ version: string; newer: boolean; images: { name: string; source: string }[] }> {
  const policy = asJson(checkSettings(settings.config, service, await knownDecisions(settings)));
  const plugin = refOf('service', service);
  const wish = to === undefined ? { policy } : { policy, to };
  const found = await act(acting, kind, { action: 'checkUpdate', plugin, input: wish }).catch((error: unknown) => {
    if (to !== undefined) throw error;
    tell(`what is newer is not known (${errorText(error)}); the version that runs is taken`);
    return null;
  });
  if (found === null || !found.available)
    return { version: 'the version that runs', newer: false, images: ownImages(running) };
  await act(acting, kind, { action: 'fetch', plugin, input: asJson({ targets: found.targets, policy }) });
  return {
    version: found.to,
    newer: true,
    images: found.targets.map((target) => ({ name: target.name, source: pinnedName(target) })),
  };
}

function ownImages(running: readonly RunningImage[]): { name: string; source: string }[] {
  return running.flatMap(({ name, imageId }) => (imageId === null ? [] : [{ name, source: imageId }]));
}

/** `nginx@sha256:…` for `nginx:1.3` of that digest: by this name it was fetched. */
function pinnedName({ reference, digest }: UpdateTarget): string {
  return digest === null ? reference : `${reference.replace(/@.*$/, '').replace(/:[^/:]*$/, '')}@${digest}`;
}
