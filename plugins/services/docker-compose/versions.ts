/** The images that the containers of a project run, as the engine knows them. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import type { RunningImage } from '#sdk/kinds/service.ts';
import { readReference, sameRepository } from '#sdk/registry/reference.ts';
import type { ComposeTools } from './config.ts';
import { docker } from './docker.ts';
import type { Project } from './project.ts';

const Image = z.object({
  RepoDigests: z.array(z.string()).nullish(),
  Os: z.string(),
  Architecture: z.string(),
  /** Left out or empty where there is none. */
  Variant: z.string().nullish(),
});
type Image = z.output<typeof Image>;

/** Containers of one Compose service that run the same image are told once. */
export async function imagesOf(tools: ComposeTools, { containers }: Project): Promise<RunningImage[]> {
  const known = await imagesById(tools, [...new Set(containers.map(({ imageId }) => imageId))]);
  const images = new Map<string, RunningImage>();
  for (const { service, image: reference, imageId } of containers) {
    const facts = known.get(imageId);
    images.set(`${service} ${reference} ${imageId}`, {
      name: service,
      reference,
      digest: facts === undefined ? null : digestOf(reference, facts),
      imageId,
      platform: facts === undefined ? null : platformOf(facts),
    });
  }
  return [...images.values()];
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
