/** Runs another version of a project, and runs an old one again: what its containers run is looked at both times. */
import { AutopilotError } from '#kernel/errors.ts';
import { milliseconds } from '#sdk/duration.ts';
import type { Release, UpdateTarget } from '#sdk/kinds/service.ts';
import type { RegistriesSettings } from '#sdk/registry/settings.ts';
import { namesImage, type ProjectFiles, setImage } from './compose-file.ts';
import type { ComposeTools } from './config.ts';
import { type ComposeProject, compose, docker } from './docker.ts';
import { imageId, nameAgain, pinned } from './images.ts';
import { projectNamed, servicesOf } from './project.ts';
import { type Detail, detailOf } from './release.ts';
import { forgetStopped } from './stopped.ts';
import { composeKnown } from './strangers.ts';
import { imagesOf } from './versions.ts';
import { makeVolumes } from './volumes.ts';

/** Containers are made anew one after the other, and each old one is given time to end. */
const UP_MS = 900_000;

export async function update(
  tools: ComposeTools,
  { targets, release }: { targets: readonly UpdateTarget[]; release: Release },
): Promise<{ summary: string; version: string | null }> {
  const detail = detailOf(release);
  const wanted = new Map<string, string>();
  for (const target of targets) {
    const id = await imageId(tools, pinned(target));
    if (target.digest !== null) await docker(tools, ['tag', id, target.reference]);
    // A tag that has moved is written as it was, wherever it is written.
    const moved = release.images.some(({ name, reference }) => name === target.name && reference === target.reference);
    if (!moved) await setImage(filesOf(tools, detail), target.name, target.reference);
    wanted.set(target.name, id);
  }
  const strangers = await up(tools, detail);
  await requireImages(tools, detail, { wanted, strangers });
  const version = targets.map(({ reference }) => reference).join(', ');
  return { summary: `${version} runs`, version };
}

/** Whatever else uses the volumes must not write into data that is about to be replaced. */
export async function standby(tools: ComposeTools, { release }: { release: Release }): Promise<{ summary: string }> {
  const detail = detailOf(release);
  const { containers } = await projectNamed(tools, detail.project);
  const running = containers.filter(({ status }) => status !== 'exited' && status !== 'created' && status !== 'dead');
  if (running.length > 0) {
    const timeoutMs = milliseconds(tools.config.backup.quiesce.timeout) * running.length;
    await docker(tools, ['stop', ...running.map(({ id }) => id)], { timeoutMs });
  }
  await makeVolumes(tools, detail.volumes);
  return { summary: running.length === 0 ? 'nothing ran' : `${servicesOf(running).join(', ')} stopped` };
}

export async function revert(
  tools: ComposeTools,
  { release, image, registries }: { release: Release; image: boolean; registries: RegistriesSettings },
): Promise<{ summary: string; version: string | null }> {
  const detail = detailOf(release);
  if (image) await putImages(tools, release, registries);
  const strangers = await up(tools, detail);
  await ownNames(tools, detail);
  // Whatever was stopped on the way here runs now, as far as it is meant to.
  await forgetStopped(tools);
  const wanted = new Map(release.images.flatMap(({ name, imageId: id }) => (id === null ? [] : [[name, id]])));
  if (image) await requireImages(tools, detail, { wanted, strangers });
  const version = image ? release.version : null;
  return { summary: `${version ?? detail.services.join(', ')} runs again`, version };
}

/** Has the project run the images of a release from its next `up` on. */
export async function putImages(tools: ComposeTools, release: Release, registries: RegistriesSettings): Promise<void> {
  const files = filesOf(tools, detailOf(release));
  for (const one of release.images) {
    await nameAgain(tools, one, registries);
    if (await namesImage(files, one.name)) await setImage(files, one.name, one.reference);
  }
}

function filesOf(tools: ComposeTools, { files }: Detail): ProjectFiles {
  return { directory: tools.config.path, files };
}

/**
 * What was stopped on purpose is not named, so it stays as it is.
 * @returns services that run and that the compose file does not name any more.
 */
async function up(tools: ComposeTools, { project, files, services }: Detail): Promise<string[]> {
  const place: ComposeProject = { name: project, directory: tools.config.path, files };
  // Compose makes a container anew when its image or its settings have changed, and starts it when they have not.
  const words = ['up', '-d', '--no-build'];
  const strangers = await composeKnown(tools, place, { words, services, timeoutMs: UP_MS });
  await startStrangers(tools, project, strangers);
  const stranded = await strandedServices(tools, project);
  if (stranded.length === 0) return strangers;
  const again = [...words, '--no-deps', '--force-recreate', ...stranded];
  await compose(tools, place, { words: again, timeoutMs: UP_MS });
  return strangers;
}

/**
 * Compose moves a container out of the way (`1f3a9c0b77de_shop_web_1`) before it makes the new one. Where that failed,
 * it takes the moved one for the right one, and whoever asks for it by its name would find nobody.
 */
async function ownNames(tools: ComposeTools, { project, names }: Detail): Promise<void> {
  const { containers } = await projectNamed(tools, project);
  for (const { id, name } of containers) {
    const own = /^[0-9a-f]{12}_(.+)$/.exec(name)?.[1];
    if (own === undefined || !names.includes(own) || containers.some((one) => one.name === own)) continue;
    await docker(tools, ['rename', id, own]);
  }
}

/** Of what the compose file does not name any more nobody can make a container; the one that is there was stopped by us. */
async function startStrangers(tools: ComposeTools, project: string, strangers: readonly string[]): Promise<void> {
  if (strangers.length === 0) return;
  const { containers } = await projectNamed(tools, project);
  const ids = containers.filter(({ service }) => strangers.includes(service)).map(({ id }) => id);
  if (ids.length > 0) await docker(tools, ['start', ...ids]);
}

/** Those in the network of a container that is gone: Compose takes them for unchanged, and they reach nobody any more. */
async function strandedServices(tools: ComposeTools, name: string): Promise<string[]> {
  const { containers } = await projectNamed(tools, name);
  if (containers.every(({ networkOf }) => networkOf === null)) return [];
  const listed = await docker(tools, ['ps', '-aq', '--no-trunc']);
  const there = new Set(listed.split('\n'));
  return servicesOf(containers.filter(({ networkOf }) => networkOf !== null && !there.has(networkOf)));
}

async function requireImages(
  tools: ComposeTools,
  { project }: Detail,
  { wanted, strangers }: { wanted: ReadonlyMap<string, string>; strangers: readonly string[] },
): Promise<void> {
  const images = await imagesOf(tools, await projectNamed(tools, project));
  const one = images.find(({ name, imageId: id }) => wanted.has(name) && wanted.get(name) !== id);
  const absent = [...wanted.keys()].filter((name) => !images.some((image) => image.name === name));
  // A container that its owner took out of the compose file, and that is gone, nobody can make again.
  const missing = absent.filter((name) => !strangers.includes(name));
  if (one === undefined && missing.length === 0) return;
  const problem =
    one === undefined
      ? `${missing.join(', ')} has no container`
      : `${one.name} runs ${one.imageId}, not ${wanted.get(one.name)}`;
  throw new AutopilotError('HA_CHECK_FAILED', `${tools.name}: ${problem}`, {
    next: `look at  docker compose ps  in ${tools.config.path}`,
  });
}
