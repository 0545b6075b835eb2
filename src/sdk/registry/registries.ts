/** Asks registries what they have: digests, tags and the facts of an image, without fetching a layer of it. */
import { z } from 'zod';
import { type Answer, answered, RegistryFailure } from '#sdk/registry/answer.ts';
import { type Connection, openConnection } from '#sdk/registry/connection.ts';
import { type CredentialsWish, credentialsFor } from '#sdk/registry/credentials.ts';
import { openGate } from '#sdk/registry/gate.ts';
import type { Heard } from '#sdk/registry/http.ts';
import { type RateLimit, RateLimits } from '#sdk/registry/limits.ts';
import * as documents from '#sdk/registry/manifest.ts';
import { type ImageReference, isTag } from '#sdk/registry/reference.ts';
import { readJson } from '#sdk/registry/refusal.ts';
import type { RegistryTools } from '#sdk/registry/settings.ts';

export type Repository = Pick<ImageReference, 'registry' | 'repository'>;

export interface ImageFacts {
  /** What the tag points to. */
  digest: string;
  /** Of the manifest of the platform; the same as `digest` where there is no index. */
  manifestDigest: string;
  /** As an engine calls the image. */
  imageId: string;
  /** Null when the image does not tell, or tells a day that cannot be true. */
  createdAt: string | null;
}

export interface Registries {
  /** What a tag points to now. `known` is the digest that we have: a registry may answer that nothing has changed. */
  digest(image: Repository, tag: string, known: string | null): Promise<Answer<string>>;
  tags(image: Repository): Promise<Answer<string[]>>;
  /** `platform`: os/architecture[/variant]. An image that is not made for it is `missing`. */
  facts(image: Repository, tag: string, platform: string | null): Promise<Answer<ImageFacts>>;
  /** What the registries have said of how often they may be asked. */
  limits(): RateLimit[];
}

export interface RegistriesOptions extends CredentialsWish {
  /** How many requests each registry gets at a time. */
  atOnce?: number;
}

const AT_ONCE = 8;

/** Answers are remembered as long as the object lives: one check, over however many services. */
export function openRegistries(tools: RegistryTools, options: RegistriesOptions): Registries {
  const { registries, atOnce = AT_ONCE } = options;
  const open = new Map<string, { connection: Connection; limits: RateLimits }>();
  const known = new Map<string, Promise<Answer<unknown>>>();

  function connect(registry: string): Connection {
    const found = open.get(registry);
    if (found !== undefined) return found.connection;
    const limits = new RateLimits(registry);
    const connection = openConnection({
      tools,
      registry,
      insecure: registries[registry]?.insecure,
      credentials: () => credentialsFor(tools, registry, options),
      limits,
      gate: openGate(atOnce),
    });
    open.set(registry, { connection, limits });
    return connection;
  }

  function once<T>(words: readonly (string | null)[], ask: () => Promise<T>): Promise<Answer<T>> {
    const key = JSON.stringify(words);
    const asked = known.get(key) ?? answered(ask);
    known.set(key, asked);
    return asked as Promise<Answer<T>>;
  }

  return {
    digest: (image, tag, mine) =>
      once(['digest', image.registry, image.repository, tag, mine], () =>
        digestOfTag(connect(image.registry), image, { tag, known: mine }),
      ),
    tags: (image) => once(['tags', image.registry, image.repository], () => allTags(connect(image.registry), image)),
    facts: (image, tag, platform) =>
      once(['facts', image.registry, image.repository, tag, platform], () =>
        factsOf(connect(image.registry), image, { tag, platform: platform ?? documents.ownPlatform() }),
      ),
    limits: () => [...open.values()].flatMap(({ limits }) => limits.shown(tools.now()) ?? []),
  };
}

async function digestOfTag(
  connection: Connection,
  { repository }: Repository,
  { tag, known }: { tag: string; known: string | null },
): Promise<string> {
  const path = `/v2/${repository}/manifests/${tag}`;
  const headers = { accept: documents.MANIFEST_TYPES, ...(known === null ? {} : { 'if-none-match': `"${known}"` }) };
  const head = await connection.ask({ path, repository, method: 'HEAD', headers }).catch((error: unknown) => {
    // Some registries know no HEAD; they are asked for the whole document.
    if (error instanceof RegistryFailure && error.reason === 'bad_answer') return null;
    throw error;
  });
  if (head?.status === 304 && known !== null) return known;
  const told = documents.Digest.safeParse(head?.headers.get('docker-content-digest'));
  if (told.success) return told.data;
  return (await manifest(connection, repository, tag)).digest;
}

async function factsOf(
  connection: Connection,
  { registry, repository }: Repository,
  { tag, platform }: { tag: string; platform: string },
): Promise<ImageFacts> {
  const first = await manifest(connection, repository, tag);
  let own = first;
  if ('manifests' in first.document) {
    const digest = documents.manifestFor(first.document, platform);
    if (digest === null) {
      throw new RegistryFailure('missing', `${registry}/${repository}:${tag} is not made for ${platform}`);
    }
    own = await manifest(connection, repository, digest);
  }
  if (!('config' in own.document)) throw bad(`${repository}:${tag} is an index of indexes`);
  const imageId = own.document.config.digest;
  const blob = await connection.ask({ path: `/v2/${repository}/blobs/${imageId}`, repository });
  if (documents.digestOf(blob.body) !== imageId) throw bad(`the configuration of ${repository}:${tag} is damaged`);
  const config = documents.ImageConfig.safeParse(readJson(blob));
  const createdAt = config.success ? documents.creationOf(config.data) : null;
  const made = config.success && own === first ? documents.platformIn(config.data) : null;
  // What runs may tell a wrong platform of itself; an image for this machine is never a foreign one.
  if (made !== null && ![platform, documents.ownPlatform()].some((one) => documents.fits(made, one))) {
    throw new RegistryFailure(
      'missing',
      `${registry}/${repository}:${tag} is made for ${made}, and not for ${platform}`,
    );
  }
  return { digest: first.digest, manifestDigest: own.digest, imageId, createdAt };
}

async function manifest(connection: Connection, repository: string, name: string) {
  const path = `/v2/${repository}/manifests/${name}`;
  const heard = await connection.ask({ path, repository, headers: { accept: documents.MANIFEST_TYPES } });
  const parsed = documents.Manifest.safeParse(readJson(heard));
  const digest = documents.digestOf(heard.body);
  const wrong = documents.Digest.safeParse(name).success && name !== digest;
  if (!parsed.success || wrong) throw bad(`what was answered for ${repository} ${name} is not its manifest`);
  return { digest, document: parsed.data };
}

const TagPage = z.object({ tags: z.array(z.string()).nullable() });

/** More than any repository that we know of; and a registry that goes round in circles comes to an end. */
const MOST_PAGES = 200;

async function allTags(connection: Connection, { registry, repository }: Repository): Promise<string[]> {
  const tags = new Set<string>();
  let path: string | null = `/v2/${repository}/tags/list?n=1000`;
  for (let page = 0; path !== null; page++) {
    if (page === MOST_PAGES) throw bad(`the list of tags of ${registry}/${repository} does not end`);
    const heard: Heard = await connection.ask({ path, repository });
    const parsed = TagPage.safeParse(readJson(heard));
    if (!parsed.success) throw bad(`what was answered for ${registry}/${repository} is not a list of tags`);
    for (const tag of parsed.data.tags ?? []) if (isTag(tag)) tags.add(tag);
    path = nextPage(heard.headers.get('link'), path);
  }
  return [...tags];
}

/** Where the list goes on: at the same registry, whatever host the header names. */
function nextPage(link: string | null, from: string): string | null {
  const [, target] = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(link ?? '') ?? [];
  if (target === undefined) return null;
  const here = new URL(from, 'http://registry.invalid');
  if (!URL.canParse(target, here.href)) throw bad('the list of tags goes on at an address that cannot be read');
  const { pathname, search } = new URL(target, here);
  if (pathname !== here.pathname) throw bad('the list of tags goes on elsewhere');
  return `${pathname}${search}`;
}

function bad(message: string): RegistryFailure {
  return new RegistryFailure('bad_answer', message);
}
