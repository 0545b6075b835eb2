/** Images of snapshots: kept by tags of ours, and let go without taking them from a container that runs them. */
import { z } from 'zod';
import type { Engine } from '#sdk/docker/engine.ts';
import { statusOf } from '#sdk/docker/engine.ts';

const Image = z.object({ Id: z.string(), RepoTags: z.array(z.string()).nullish() });
const Containers = z.array(z.object({ ImageID: z.string() }));

/** The id behind a name or an id; undefined when it is not on this engine. */
export async function imageId(engine: Engine, name: string): Promise<string | undefined> {
  return (await look(engine, name))?.Id;
}

async function look(engine: Engine, name: string): Promise<z.output<typeof Image> | undefined> {
  try {
    return await engine.ask(Image, `/images/${encodeURIComponent(name)}/json`);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

export async function tag(engine: Engine, image: string, name: string): Promise<void> {
  const { repo, version } = partsOf(name);
  const path = `/images/${encodeURIComponent(image)}/tag`;
  await engine.change('POST', path, { query: { repo, tag: version } });
}

/** Removes a tag of ours; an image that nobody else names and nothing runs goes with it. */
export async function untag(engine: Engine, name: string): Promise<void> {
  const found = await look(engine, name);
  if (found === undefined) return;
  const containers = await engine.ask(Containers, '/containers/json', { all: true });
  const lastName = (found.RepoTags ?? []).every((one) => one === name || one === keptName(name));
  // The engine would take the image from a stopped container, or refuse: another tag of ours keeps it for that one.
  if (lastName && containers.some(({ ImageID }) => ImageID === found.Id)) await tag(engine, found.Id, keptName(name));
  await engine.change('DELETE', `/images/${encodeURIComponent(name)}`, { already: [404] });
}

/** Lets go of what was kept for a container that is not there any more. */
export async function untagUnused(engine: Engine, name: string): Promise<void> {
  const kept = keptName(name);
  const id = await imageId(engine, kept);
  if (id === undefined) return;
  const containers = await engine.ask(Containers, '/containers/json', { all: true });
  if (containers.some(({ ImageID }) => ImageID === id)) return;
  await engine.change('DELETE', `/images/${encodeURIComponent(kept)}`, { already: [404] });
}

function keptName(name: string): string {
  return `${partsOf(name).repo}:in-use`;
}

export function partsOf(name: string): { repo: string; version: string } {
  const at = name.lastIndexOf(':');
  return at > name.lastIndexOf('/')
    ? { repo: name.slice(0, at), version: name.slice(at + 1) }
    : { repo: name, version: 'latest' };
}
