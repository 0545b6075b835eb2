/** A project's named volumes on the engine: what they are, who else uses them, and how they come back. */
import { join } from 'node:path';
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import type { ComposeTools } from './config.ts';
import { docker, linesOf } from './docker.ts';
import { type Project, realPath } from './project.ts';

const Volume = z.object({
  Name: z.string(),
  Driver: z.string(),
  Mountpoint: z.string(),
  Options: z.record(z.string(), z.string()).nullish(),
  Labels: z.record(z.string(), z.string()).nullish(),
});
export type Volume = z.output<typeof Volume>;

/** Those with the project's label, and others that its containers mount; not those that nobody gave a name. */
export async function namedVolumes(tools: ComposeTools, project: Project): Promise<Volume[]> {
  const mounts = project.containers.flatMap((one) => one.mounts.filter(({ type }) => type === 'volume'));
  const label = `label=com.docker.compose.project=${project.name}`;
  const labelled = linesOf(await docker(tools, ['volume', 'ls', '-q', '--filter', label]));
  const all = [...labelled, ...mounts.map(({ volume }) => volume)];
  return inspectVolumes(tools, [...new Set(all.filter((name) => !isAnonymous(name)))].toSorted());
}

/** Docker names a volume that nobody named with 64 hexadecimal digits. */
export function isAnonymous(volume: string): boolean {
  return /^[0-9a-f]{64}$/.test(volume);
}

/** Those whose data the engine itself keeps, so that it is in a backup. */
export async function ownVolumes(
  tools: ComposeTools,
  project: Project,
): Promise<{ name: string; labels: Record<string, string>; mountpoint: string }[]> {
  const volumes = await namedVolumes(tools, project);
  const own = volumes.filter(({ Driver, Options }) => Driver === 'local' && Options?.['device'] === undefined);
  const at = async ({ Mountpoint }: Volume) => (await realPath(Mountpoint)) ?? Mountpoint;
  return Promise.all(own.map(async (one) => ({ name: one.Name, labels: one.Labels ?? {}, mountpoint: await at(one) })));
}

/** Where this engine keeps volumes of these names, or would keep those that are not there; symlinks resolved. */
export async function mountpointsNow(tools: ComposeTools, names: readonly string[]): Promise<Map<string, string>> {
  if (names.length === 0) return new Map();
  const there = new Set(linesOf(await docker(tools, ['volume', 'ls', '-q'])));
  const known = await inspectVolumes(
    tools,
    names.filter((name) => there.has(name)),
  );
  const root = (await docker(tools, ['info', '--format', '{{.DockerRootDir}}'])).trim();
  const base = join((await realPath(root)) ?? root, 'volumes');
  const places = new Map(names.map((name) => [name, join(base, name, '_data')]));
  for (const { Name, Mountpoint } of known) places.set(Name, (await realPath(Mountpoint)) ?? Mountpoint);
  return places;
}

/** Makes the volumes that are gone, as Compose would have made them: their data is put in after it. */
export async function makeVolumes(
  tools: ComposeTools,
  volumes: readonly { name: string; labels: Record<string, string> }[],
): Promise<void> {
  const there = new Set(linesOf(await docker(tools, ['volume', 'ls', '-q'])));
  for (const { name, labels } of volumes.filter((volume) => !there.has(volume.name))) {
    const words = Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
    await docker(tools, ['volume', 'create', ...words, '--', name]);
  }
}

interface Used {
  names: readonly string[];
  /** The project's own. */
  containers: Project['containers'];
}

/** @throws AutopilotError HA_CONFLICT when data that a rollback would replace is not the project's alone. */
export async function refuseShared(tools: ComposeTools, used: Used): Promise<void> {
  const [shared] = tools.config.update.shared_volumes === 'allow' ? [] : await sharedVolumes(tools, used);
  if (shared === undefined) return;
  throw new AutopilotError('HA_CONFLICT', `${tools.name}: ${shared}, whose data a rollback would replace as well`, {
    next: 'if that is right, set  update: { shared_volumes: allow }  of the service',
  });
}

/** `volume files is also used by container other` for each that somebody else mounts. */
export async function sharedVolumes(tools: ComposeTools, { names, containers }: Used): Promise<string[]> {
  const mine = new Set(containers.map(({ id }) => id));
  const shared: string[] = [];
  for (const name of names) {
    const format = '{{.ID}} {{.Names}}';
    const users = linesOf(
      await docker(tools, ['ps', '-a', '--no-trunc', '--format', format, '--filter', `volume=${name}`]),
    );
    const others = users.filter((line) => !mine.has(line.split(' ')[0] ?? '')).map((line) => line.split(' ')[1]);
    if (others.length > 0) shared.push(`volume ${name} is also used by ${others.join(', ')}`);
  }
  return shared;
}

async function inspectVolumes(tools: ComposeTools, names: readonly string[]): Promise<Volume[]> {
  if (names.length === 0) return [];
  const printed = await docker(tools, ['volume', 'inspect', '--format', '{{json .}}', '--', ...names]);
  return linesOf(printed).map((line) => Volume.parse(JSON.parse(line)));
}
