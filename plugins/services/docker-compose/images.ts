/** Images on the engine: fetched by digest, kept by a tag of ours, given the names that the compose file uses. */
import { createHash } from 'node:crypto';
import { AutopilotError } from '#kernel/errors.ts';
import type { Release, RunningImage, UpdateTarget } from '#sdk/kinds/service.ts';
import { fits } from '#sdk/registry/manifest.ts';
import { parseReference } from '#sdk/registry/reference.ts';
import type { RegistriesSettings } from '#sdk/registry/settings.ts';
import { CheckSettings } from '#sdk/versions/settings.ts';
import type { ComposeTools } from './config.ts';
import { docker } from './docker.ts';
import { requireProject } from './project.ts';
import { pull } from './pull.ts';
import { imagesOf } from './versions.ts';

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

/** Before anything is stopped: an image that cannot be had is found out while the service still runs. */
export async function bring(
  tools: ComposeTools,
  { release: { images }, registries }: { release: Release; registries: RegistriesSettings },
): Promise<{ summary: string }> {
  for (const image of images) await bringImage(tools, image, registries);
  return { summary: `${images.length} ${images.length === 1 ? 'image' : 'images'} here` };
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
