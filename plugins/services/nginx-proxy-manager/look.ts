/** What can be told of a manager: its containers, its API, and whether all that it keeps is in the backup. */
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { inspect, validate } from '#plugins/services/docker-compose/look.ts';
import { realPath, requireProject } from '#plugins/services/docker-compose/project.ts';
import type { OutputOf } from '#sdk/contract.ts';
import type { Source, service } from '#sdk/kinds/service.ts';
import { isBelow } from '#sdk/mounts.ts';
import { type ProbeTiming, type Verdict, watchProbes } from '#sdk/probes.ts';
import { healthOf, managedBy } from './api.ts';
import type { ManagerTools } from './config.ts';
import { inWords } from './managed.ts';

type Output<K extends keyof (typeof service)['actions']> = Promise<OutputOf<(typeof service)['actions'][K]>>;

/** Where every version of it keeps its keys and database, and its certificates. */
const PLACES = ['/data', '/etc/letsencrypt'];

export async function lookAt(tools: ManagerTools): Output<'inspect'> {
  const containers = await inspect(tools);
  try {
    const version = await healthOf(tools);
    const managed = await managedBy(tools);
    const counted = managed === undefined ? '' : `; ${inWords(managed.counts)}`;
    return { ...containers, version, detail: `${containers.detail}${counted}` };
  } catch (error) {
    tools.signal.throwIfAborted();
    return { ...containers, state: 'down', detail: `${containers.detail}; ${errorText(error)}` };
  }
}

/** Its containers and the user's probes, and then its API. */
export async function check(tools: ManagerTools, timing: ProbeTiming): Promise<Verdict> {
  const containers = await validate(tools, timing);
  if (!containers.healthy) return containers;
  const api = await watchProbes(tools, { ...timing, stableForMs: 0 }, async () => [await probeApi(tools)]);
  const probes = [...containers.probes, ...api.probes];
  return { healthy: api.healthy, summary: api.healthy ? containers.summary : api.summary, probes };
}

async function probeApi(tools: ManagerTools): Promise<Verdict['probes'][number]> {
  const began = performance.now();
  const seen = await healthOf(tools).then(
    (version) => ({ ok: true, detail: version }),
    (error: unknown) => ({ ok: false, detail: errorText(error) }),
  );
  return { probe: `GET ${tools.config.url}/api/`, ...seen, durationMs: Math.round(performance.now() - began) };
}

/** A backup of half of it would be none. @throws AutopilotError HA_CONFIG_INVALID naming what is missing. */
export async function requirePlaces(tools: ManagerTools, sources: readonly Source[]): Promise<void> {
  const { containers } = await requireProject(tools);
  const mounts = containers.flatMap((one) => one.mounts).filter(({ destination }) => PLACES.includes(destination));
  const lost = PLACES.filter((place) => mounts.every(({ destination }) => destination !== place));
  if (lost.length > 0) {
    throw new AutopilotError('HA_CONFIG_INVALID', `${tools.name}: nothing is mounted at ${lost.join(' and ')} of it`, {
      next: 'give it a directory or a volume there: what it keeps in its container is gone with the next image',
    });
  }
  const roots = await Promise.all(sources.map(async ({ path }) => (await realPath(path)) ?? path));
  for (const { source, destination } of mounts) {
    const real = (await realPath(source)) ?? source;
    if (roots.some((root) => isBelow(real, root))) continue;
    throw new AutopilotError(
      'HA_CONFIG_INVALID',
      `${tools.name}: ${source}, its ${destination}, is not in the backup`,
      {
        next: 'name it in backup.paths of the service, or give the volume a name',
      },
    );
  }
}
