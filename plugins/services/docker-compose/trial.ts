/** A copy of a project that runs beside it for a while, from files that were unpacked elsewhere, and leaves nothing. */
import { chmod, chown, lstat, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { parse } from 'yaml';
import { AutopilotError, systemCode } from '#kernel/errors.ts';
import { ifThere } from '#kernel/if-there.ts';
import type { InputOf, OutputOf } from '#sdk/contract.ts';
import type { Release, RunningImage, service } from '#sdk/kinds/service.ts';
import type { ComposeTools } from './config.ts';
import { fillCopy } from './copied-databases.ts';
import { askable, type Doors, detourTo, doorsOf, reachesContainers } from './copied-probes.ts';
import { compose, docker, linesOf } from './docker.ts';
import { bringImage } from './images.ts';
import { ComposeModel, isolate, unpackedPlace } from './isolate.ts';
import { type Container, projectNamed } from './project.ts';
import { detailOf } from './release.ts';
import { resolvedBelow } from './resolve.ts';
import { watchProject } from './verdict.ts';

type Actions = (typeof service)['actions'];
type TrialInput = InputOf<Actions['trial']>;

const UP_MS = 900_000;
const IMAGES = 'homelab-autopilot/trial';

export async function trial(tools: ComposeTools, input: TrialInput): Promise<OutputOf<Actions['trial']>> {
  const { release } = input;
  if (release === null) {
    throw new AutopilotError('HA_NOT_FOUND', `${tools.name}: the set does not tell what ran when it was made`, {
      next: 'make a new backup, and drill that',
    });
  }
  await endTrial(tools, input);
  const began = performance.now();
  const images = await namedImages(tools, input, release);
  const { file, directory, doors } = await writeProject(tools, { ...input, release, images });
  const place = { name: projectName(input.trial), directory, files: [file] };
  const { services } = detailOf(release);
  const filled = await fillCopy(tools, place, input);
  await compose(tools, place, { words: ['up', '-d', '--no-build', ...services], timeoutMs: UP_MS });
  const { healthy, summary, warnings } = await judged(tools, { name: place.name, doors }, input);
  return {
    healthy,
    startMs: Math.max(0, Math.round(performance.now() - began - input.stableForMs)),
    summary: healthy ? `${[...filled, `${services.join(', ')} started apart`].join('; ')}: ${summary}` : summary,
    warnings,
  };
}

/** By its containers, and by those of the user's probes that can be asked of it. */
async function judged(
  tools: ComposeTools,
  { name, doors }: { name: string; doors: Doors },
  input: TrialInput,
): Promise<{ healthy: boolean; summary: string; warnings: string[] }> {
  const look = async () => (await projectNamed(tools, name)).containers;
  const { validate } = tools.config;
  const asked = input.probes ? askable(validate, doors) : [];
  const probes = asked.length > 0 && (await reachesContainers(tools)) ? asked : [];
  const detour = (containers: readonly Container[]) => detourTo(containers, doors);
  const verdict = await watchProject(tools, look, { ...input, probes, detour });
  const left = input.probes ? validate.length - probes.length : 0;
  const told = `${left} of its probes not asked: they would ask the service that lives, and not its copy`;
  return { ...verdict, warnings: left === 0 ? [] : [told] };
}

/** By their labels alone: what a copy was made from may be gone already. */
export async function endTrial(tools: ComposeTools, { trial: name }: { trial: string }): Promise<{ summary: string }> {
  const label = `label=com.docker.compose.project=${projectName(name)}`;
  const listed = async (...words: string[]) => linesOf(await docker(tools, [...words, '--filter', label]));
  const containers = await listed('ps', '-aq', '--no-trunc');
  if (containers.length > 0) await docker(tools, ['rm', '--force', '--volumes', ...containers]);
  const networks = await listed('network', 'ls', '-q');
  if (networks.length > 0) await docker(tools, ['network', 'rm', ...networks]);
  const volumes = await listed('volume', 'ls', '-q');
  if (volumes.length > 0) await docker(tools, ['volume', 'rm', '--force', ...volumes]);
  const tags = linesOf(await docker(tools, ['image', 'ls', '--format', '{{.Tag}}', IMAGES]));
  for (const tag of tags.filter((one) => one.startsWith(`${name}-`)))
    await docker(tools, ['image', 'rm', `${IMAGES}:${tag}`]);
  return { summary: containers.length === 0 ? 'nothing was left' : `${containers.length} containers removed` };
}

function projectName(name: string): string {
  return `ha-trial-${name}`;
}

/** Each image gets a tag of the copy's own: no name that the living project uses is moved. */
async function namedImages(
  tools: ComposeTools,
  { trial: name, registries = {} }: TrialInput,
  { images }: { images: readonly RunningImage[] },
): Promise<Map<string, string>> {
  const named = new Map<string, string>();
  for (const [index, image] of images.entries()) {
    if (image.imageId === null) continue;
    await bringImage(tools, image, registries);
    const tag = `${IMAGES}:${name}-${index}`;
    await docker(tools, ['tag', image.imageId, tag]);
    named.set(image.name, tag);
  }
  return named;
}

/** Written beside the unpacked files, for it holds what they hold: with them it goes. */
async function writeProject(
  tools: ComposeTools,
  { root, trees, release, images }: TrialInput & { release: Release; images: ReadonlyMap<string, string> },
): Promise<{ file: string; directory: string; doors: Doors }> {
  const detail = detailOf(release);
  const places = { root, trees };
  const files = detail.files.map((path) => unpackedPlace(places, path));
  const configured = unpackedPlace(places, tools.config.path);
  const directory = (await isThere(configured)) ? configured : dirname(files[0] ?? configured);
  // Under its own name, for the names of its volumes come from it. Compose reads files here and asks no engine.
  const place = { name: detail.project, directory, files };
  const printed = await compose(tools, place, { words: ['config'] });
  const model = ComposeModel.parse(parse(printed));
  const around = { project: detail.project, ...places, images };
  const { mounted } = isolate(model, { ...around, resolved: new Map() });
  const resolved = new Map<string, string>();
  for (const path of mounted) resolved.set(path, await resolvedBelow(places, path));
  for (const path of resolved.values()) await makeUnlessThere(root, path);
  const { model: apart } = isolate(model, { ...around, resolved });
  const file = join(dirname(root), 'trial.json');
  await writeFile(file, JSON.stringify(apart), { mode: 0o600 });
  return { file, directory, doors: doorsOf(model) };
}

/** What is not in the set is an empty directory, whose it is on this host: a server that is no root cannot use another's. */
async function makeUnlessThere(root: string, path: string): Promise<void> {
  if (await isThere(path)) return;
  await mkdir(path, { recursive: true });
  const living = await ifThere(lstat(`/${relative(root, path)}`));
  if (living?.isDirectory() !== true) return;
  await chmod(path, living.mode & 0o777);
  await chown(path, living.uid, living.gid).catch((error: unknown) => {
    // Who is no root cannot give it away, and unpacked the files as their own as well.
    if (systemCode(error) !== 'EPERM') throw error;
  });
}

async function isThere(path: string): Promise<boolean> {
  return (await ifThere(lstat(path))) !== undefined;
}
