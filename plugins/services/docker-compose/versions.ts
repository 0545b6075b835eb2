/** The images that the containers of a project run, as the engine knows them. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import type { RunningImage } from '#sdk/kinds/service.ts';
import { readReference, sameRepository } from '#sdk/registry/reference.ts';
import type { ComposeTools } from './config.ts';
import { docker } from './docker.ts';
import { requireProject } from './project.ts';

const Inspected = z.object({ container: z.string(), imageId: z.string() });

const Image = z.object({
  RepoDigests: z.array(z.string()).nullish(),
  Os: z.string(),
  Architecture: z.string(),
  /** Left out or empty where there is none. */
  Variant: z.string().nullish(),
});
type Image = z.output<typeof Image>;

/** Containers of one Compose service that run the same image are told once. */
export async function versions(tools: ComposeTools): Promise<{ images: RunningImage[] }> {
  const { containers } = await requireProject(tools);
  const ids = await imageIds(
    tools,
    containers.map(({ id }) => id),
  );
  const known = await imagesById(tools, [...new Set(ids.values())]);
  const images = new Map<string, RunningImage>();
  for (const { id, service, image: reference } of containers) {
    const imageId = ids.get(id) ?? null;
    const facts = imageId === null ? undefined : known.get(imageId);
    images.set(`${service} ${reference} ${imageId}`, {
      name: service,
      reference,
      digest: facts === undefined ? null : digestOf(reference, facts),
      imageId,
      platform: facts === undefined ? null : platformOf(facts),
    });
  }
  return { images: [...images.values()] };
}

async function imageIds(tools: ComposeTools, containers: readonly string[]): Promise<Map<string, string>> {
  if (containers.length === 0) return new Map();
  const format = '{"container":{{json .Id}},"imageId":{{json .Image}}}';
  const printed = await docker(tools, ['container', 'inspect', '--format', format, ...containers]);
  return new Map(
    lines(printed).map((line) => {
      const { container, imageId } = Inspected.parse(JSON.parse(line));
      return [container, imageId];
    }),
  );
}

async function imagesById(tools: ComposeTools, ids: readonly string[]): Promise<Map<string, Image>> {
  const images = new Map<string, Image>();
  for (const id of ids) {
    const image = await imageNamed(tools, id);
    if (image !== undefined) images.set(id, image);
  }
  return images;
}

/** @returns undefined when somebody has removed the image of a running container by force. */
async function imageNamed(tools: ComposeTools, id: string): Promise<Image | undefined> {
  try {
    return Image.parse(JSON.parse(await docker(tools, ['image', 'inspect', '--format', '{{json .}}', id])));
  } catch (error) {
    if (error instanceof AutopilotError && /no such image/i.test(error.message)) return undefined;
    throw error;
  }
}

/** An image may have come from several repositories; the one that was written tells the digest that counts. */
function digestOf(reference: string, { RepoDigests }: Image): string | null {
  const wanted = readReference(reference);
  const known = (RepoDigests ?? []).flatMap((digest) => readReference(digest) ?? []);
  return known.find((one) => wanted !== undefined && sameRepository(one, wanted))?.digest ?? null;
}

function platformOf({ Os, Architecture, Variant }: Image): string {
  const variant = Variant ?? '';
  return [Os, Architecture, ...(variant === '' ? [] : [variant])].join('/');
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
