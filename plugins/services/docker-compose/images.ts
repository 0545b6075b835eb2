/** Images on the engine: fetched by digest, kept by a tag of ours, given the names that the compose file uses. */
import { createHash } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import type { Release, RunningImage, UpdateTarget } from '#sdk/kinds/service.ts';
import { fits } from '#sdk/registry/manifest.ts';
import { parseReference } from '#sdk/registry/reference.ts';
import type { RegistriesSettings, RegistrySettings } from '#sdk/registry/settings.ts';
import type { ExecOptions } from '#sdk/tools.ts';
import { CheckSettings } from '#sdk/versions/settings.ts';
import type { ComposeTools } from './config.ts';
import { docker } from './docker.ts';
import { requireProject } from './project.ts';
import { imagesOf } from './versions.ts';

const PULL_MS = 3_600_000;

/** Fetched by digest, so that no tag on this host moves: what runs, and what an `up` would run, stays as it is. */
export async function fetch(
  tools: ComposeTools,
  { targets, policy }: { targets: readonly UpdateTarget[]; policy: Record<string, unknown> },
): Promise<{ summary: string }> {
  const { registries } = CheckSettings.parse(policy);
  const running = await imagesOf(tools, await requireProject(tools));
  const platforms = new Map(running.map(({ name, platform }) => [name, platform]));
  const wanted = new Map(targets.map((target) => [pinned(target), platforms.get(target.name) ?? null]));
  for (const [image, platform] of wanted) {
    tools.progress({ note: image });
    await requirePlatform(tools, image, await pull(tools, { image, platform, registries, priority: 'background' }));
  }
  return { summary: `${wanted.size} ${wanted.size === 1 ? 'image' : 'images'} here` };
}

interface Wanted extends Pick<ExecOptions, 'priority'> {
  image: string;
  /** What runs, or ran: a compose file may ask for another platform than the host's. */
  platform: string | null;
  registries: RegistriesSettings;
}

/** @returns the platform that it was asked for. */
async function pull(tools: ComposeTools, { image, platform, registries, ...options }: Wanted): Promise<string> {
  const { registry } = parseReference(image);
  const login = await loginFor(tools, registry, registries[registry]);
  const host = (await docker(tools, ['version', '--format', '{{.Server.Os}}/{{.Server.Arch}}'])).trim();
  const foreign = platform === null || fits(platform, host) ? null : platform;
  const which = foreign === null ? [] : ['--platform', foreign];
  await docker(tools, [...login, 'pull', ...which, '--', image], { timeoutMs: PULL_MS, ...options });
  return foreign ?? host;
}

/** Docker's own file calls its own registry by an address. */
const DOCKER_NAMES: Readonly<Record<string, string>> = { 'docker.io': 'https://index.docker.io/v1/' };

/** Where a registry's password is configured here, Docker gets it in a file of its own, never in its arguments. */
async function loginFor(
  tools: ComposeTools,
  host: string,
  { username, password }: RegistrySettings = {},
): Promise<string[]> {
  if (username === undefined || password === undefined) return [];
  const auth = Buffer.from(`${username}:${await tools.secret(password)}`).toString('base64');
  const folder = await mkdtemp(join(await tools.scratch(), 'docker-'));
  const content = JSON.stringify({ auths: { [DOCKER_NAMES[host] ?? host]: { auth } } });
  await writeFile(join(folder, 'config.json'), content, { mode: 0o600 });
  return ['--config', folder];
}

/** `nginx@sha256:…` for `nginx:1.3` of that digest. */
export function pinned({ reference, digest }: Pick<UpdateTarget, 'reference' | 'digest'>): string {
  const parsed = parseReference(reference);
  return digest === null ? reference : `${parsed.registry}/${parsed.repository}@${digest}`;
}

/** An image of another architecture is fetched without a word, and its containers end at once. */
async function requirePlatform(tools: ComposeTools, image: string, wanted: string): Promise<void> {
  const own = (await docker(tools, ['image', 'inspect', '--format', '{{.Os}}/{{.Architecture}}', '--', image])).trim();
  if (fits(own, wanted)) return;
  throw new AutopilotError('HA_CHECK_FAILED', `${tools.name}: ${image} is made for ${own}, and not for ${wanted}`, {
    next: 'wait for an image of this architecture; nothing was changed',
  });
}

export async function hold(
  tools: ComposeTools,
  { set, release }: { set: string; release: Release },
): Promise<{ summary: string }> {
  const ids = [...new Set(release.images.flatMap(({ imageId }) => imageId ?? []))];
  for (const [index, id] of ids.entries()) await docker(tools, ['tag', id, `${keepName(tools)}:${set}-${index}`]);
  return { summary: `${ids.length} ${ids.length === 1 ? 'image' : 'images'} kept` };
}

/** Removes our tags only. An image without any other name or container goes with its last tag. */
export async function letGo(tools: ComposeTools, { keep }: { keep: string }): Promise<{ summary: string }> {
  const listed = await docker(tools, ['image', 'ls', '--format', '{{.Tag}}', keepName(tools)]);
  const old = listed.split('\n').filter((tag) => tag !== '' && !tag.startsWith(`${keep}-`));
  for (const tag of old) await docker(tools, ['image', 'rm', `${keepName(tools)}:${tag}`]);
  return { summary: `${old.length} older ${old.length === 1 ? 'image' : 'images'} let go` };
}

/** A repository of our own for each service; two services whose names look alike to Docker are kept apart. */
function keepName({ name }: ComposeTools): string {
  const plain = name.replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');
  return `homelab-autopilot/${plain}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

/** Has an image of a release on this host, fetched again if it was removed; no tag moves. */
export async function bringImage(
  tools: ComposeTools,
  image: RunningImage,
  registries: RegistriesSettings,
): Promise<void> {
  if (image.imageId !== null && !(await isHere(tools, image.imageId))) await fetchAgain(tools, image, registries);
}

/** Gives an image of a release back the name that the compose file calls it by. */
export async function nameAgain(
  tools: ComposeTools,
  image: RunningImage,
  registries: RegistriesSettings,
): Promise<void> {
  const { imageId, reference } = image;
  if (imageId === null) return;
  await bringImage(tools, image, registries);
  if (!reference.includes('@')) await docker(tools, ['tag', imageId, reference]);
}

async function fetchAgain(tools: ComposeTools, image: RunningImage, registries: RegistriesSettings): Promise<void> {
  const { digest, imageId, reference, platform } = image;
  if (digest !== null) await pull(tools, { image: pinned({ reference, digest }), platform, registries });
  if (imageId !== null && (await isHere(tools, imageId))) return;
  throw new AutopilotError(
    'HA_NOT_FOUND',
    `${tools.name}: the image ${reference} (${imageId}) is gone from this host`,
    {
      next: digest === null ? 'it came from no registry: build it again' : 'its registry does not have it any more',
    },
  );
}

async function isHere(tools: ComposeTools, id: string): Promise<boolean> {
  return docker(tools, ['image', 'inspect', '--format', '{{.Id}}', '--', id]).then(
    () => true,
    (error: unknown) => {
      if (error instanceof AutopilotError && /no such image/i.test(error.message)) return false;
      throw error;
    },
  );
}

/** The id of the image that a name stands for on this host. */
export async function imageId(tools: ComposeTools, name: string): Promise<string> {
  return (await docker(tools, ['image', 'inspect', '--format', '{{.Id}}', '--', name])).trim();
}
