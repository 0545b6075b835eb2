/** Names of images: what `nginx:1.2` means, by the grammar that Docker and its registries agree on. */
import { AutopilotError } from '#kernel/errors.ts';

export interface ImageReference {
  /** As it was written. */
  written: string;
  /** Where the image lives: `docker.io`, `ghcr.io`, `127.0.0.1:5000`. */
  registry: string;
  /** `library/nginx` */
  repository: string;
  /** `latest` when neither a tag nor a digest was written; null when only a digest was. */
  tag: string | null;
  digest: string | null;
}

const HOST =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** Longer ones are refused by registries, and keep what follows from reading for long. */
const LONGEST = 512;

/** @throws AutopilotError HA_CONFIG_INVALID when it is not the name of an image. */
export function parseReference(written: string): ImageReference {
  const parsed = readReference(written);
  if (parsed !== undefined) return parsed;
  throw new AutopilotError('HA_CONFIG_INVALID', `"${written.slice(0, 100)}" is not the name of an image`, {
    next: 'an image is written as [registry/]name[:tag][@sha256:…], the name in small letters',
  });
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** Whether both name the same repository, whatever their tags and digests. */
export function sameRepository(one: ImageReference, other: ImageReference): boolean {
  return one.registry === other.registry && one.repository === other.repository;
}

/** As short as people write it: `nginx`, `grafana/grafana`, `ghcr.io/me/app`. */
export function shortName({ registry, repository }: ImageReference): string {
  if (registry !== DEFAULT_REGISTRY) return `${registry}/${repository}`;
  return repository.startsWith('library/') ? repository.slice('library/'.length) : repository;
}

const DEFAULT_REGISTRY = 'docker.io';

/** The same for a name that comes from elsewhere: undefined when it is none. */
export function readReference(written: string): ImageReference | undefined {
  if (written.length > LONGEST) return undefined;
  const at = written.indexOf('@');
  const digest = at === -1 ? null : written.slice(at + 1);
  const named = at === -1 ? written : written.slice(0, at);
  const { registry, rest } = splitRegistry(named);
  const colon = rest.indexOf(':');
  const path = colon === -1 ? rest : rest.slice(0, colon);
  const tag = colon === -1 ? null : rest.slice(colon + 1);
  const good =
    HOST.test(registry) &&
    path.split('/').every((component) => COMPONENT.test(component)) &&
    (tag === null || TAG.test(tag)) &&
    (digest === null || DIGEST.test(digest));
  if (!good) return undefined;
  const repository = registry === DEFAULT_REGISTRY && !path.includes('/') ? `library/${path}` : path;
  return { written, registry, repository, tag: tag ?? (digest === null ? 'latest' : null), digest };
}

/** The first part is a registry only when it could not be a part of a name: it has a dot or a port, or is localhost. */
function splitRegistry(named: string): { registry: string; rest: string } {
  const slash = named.indexOf('/');
  const first = slash === -1 ? '' : named.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  if (slash === -1 || !isHost) return { registry: DEFAULT_REGISTRY, rest: named };
  const registry = first.toLowerCase() === 'index.docker.io' ? DEFAULT_REGISTRY : first.toLowerCase();
  return { registry, rest: named.slice(slash + 1) };
}
