/** What a snapshot of a container holds, what it cannot hold, and when there can be none. */
import { z } from 'zod';
import type { Container, Mount } from '#sdk/docker/container.ts';
import type { Engine } from '#sdk/docker/engine.ts';

/** A volume whose content is copied. Kept in the record of a snapshot. */
export const KeptVolume = z.object({
  name: z.string(),
  destination: z.string(),
  labels: z.record(z.string(), z.string()),
});
export type KeptVolume = z.output<typeof KeptVolume>;

export interface Coverage {
  volumes: KeptVolume[];
  leavesOut: string[];
}

const Volume = z.object({
  Driver: z.string(),
  Options: z.record(z.string(), z.string()).nullish(),
  Labels: z.record(z.string(), z.string()).nullish(),
});

const Users = z.array(z.object({ Id: z.string(), Names: z.array(z.string()) }));

export async function coverageOf(engine: Engine, container: Container): Promise<Coverage> {
  const covered: Coverage = { volumes: [], leavesOut: [] };
  for (const mount of container.Mounts) {
    if (mount.Type === 'volume' && mount.Name !== undefined) await addVolume(engine, container, { mount, covered });
    // What is in memory alone is gone whenever the container stops.
    else if (mount.Type !== 'tmpfs') covered.leavesOut.push(`${mount.Type} mount ${mount.Source}`);
  }
  return covered;
}

async function addVolume(
  engine: Engine,
  container: Container,
  { mount: { Name: name = '', Destination: destination }, covered }: { mount: Mount; covered: Coverage },
): Promise<void> {
  const { Driver, Options, Labels } = await engine.ask(Volume, `/volumes/${encodeURIComponent(name)}`);
  const others = await usersOf(engine, name, container.Id);
  if (Driver !== 'local' || Object.keys(Options ?? {}).length > 0) {
    // Making such a volume anew does not empty it.
    covered.leavesOut.push(`volume ${name}, whose data is kept elsewhere`);
  } else if (others.length > 0) {
    covered.leavesOut.push(`volume ${name}, which ${others.join(', ')} uses too`);
  } else covered.volumes.push({ name, destination, labels: Labels ?? {} });
}

export async function usersOf(engine: Engine, volume: string, except: string): Promise<string[]> {
  const filters = JSON.stringify({ volume: [volume] });
  const users = await engine.ask(Users, '/containers/json', { all: true, filters });
  return users.filter(({ Id }) => Id !== except).flatMap(({ Names: [name = ''] }) => name.slice(1));
}

/** Why a container cannot be snapshotted now. */
export function obstacle({ Name, HostConfig, State }: Container): string | undefined {
  if (HostConfig['AutoRemove'] === true) {
    return `${Name} was started with --rm: it would be gone when it is stopped; start it without`;
  }
  if (State.Paused) return `${Name} is paused: let it go on with  docker unpause ${Name}`;
  if (['restarting', 'removing', 'dead'].includes(State.Status)) {
    return `${Name} is ${State.Status}: see  docker logs ${Name}`;
  }
  return undefined;
}

const Changes = z.array(z.object({ Path: z.string() })).nullable();
const Tmpfs = z.record(z.string(), z.string()).nullish();

/** Places whose content nobody misses after a stop, and files that the engine makes by itself. */
const PASSING =
  /^\/(?:tmp|run|var\/run|var\/tmp|dev|proc|sys|\.dockerenv|etc\/(?:hosts|hostname|resolv\.conf|mtab))(?:\/|$)/;

/** Whether the container has written anything outside of its volumes that a new one of its image would not have. */
export async function hasWritten(engine: Engine, { Id, Mounts, HostConfig }: Container): Promise<boolean> {
  const changes = (await engine.ask(Changes, `/containers/${Id}/changes`)) ?? [];
  const mounts = [
    ...Mounts.map(({ Destination }) => Destination),
    ...Object.keys(Tmpfs.parse(HostConfig['Tmpfs']) ?? {}),
  ];
  const paths = [...changes.map(({ Path }) => Path), ...mounts];
  // A directory is listed when something in it is: then that counts, or does not.
  return changes.some(
    ({ Path }) => !PASSING.test(Path) && !mounts.includes(Path) && !paths.some((other) => other.startsWith(`${Path}/`)),
  );
}
