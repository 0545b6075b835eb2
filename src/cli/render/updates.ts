/** What could be updated, as a table: an unknown is never shown as good. */
import type { ServiceUpdates } from '#app/update-check.ts';
import type { Style } from '#cli/render/style.ts';
import { printable, table } from '#cli/render/text.ts';
import { type Moment, when } from '#cli/render/times.ts';
import type { DecideRequest } from '#engine/requests.ts';
import type { RateLimit } from '#sdk/registry/limits.ts';
import type { ImageVerdict } from '#sdk/versions/settings.ts';

const WORDS = {
  up_to_date: ['quiet', 'up to date'],
  available: ['good', 'available'],
  held: ['warn', 'held'],
  unknown: ['bad', 'unknown'],
} as const;

export function updatesTable(
  services: readonly ServiceUpdates[],
  { moment, style }: { moment: Moment; style: Style },
): string[] {
  if (services.length === 0) return ['No services. Add them under  services:  in the configuration.'];
  const titles = ['SERVICE', 'IMAGE', 'CURRENT', 'AVAILABLE', 'AGE', 'POLICY', 'VERDICT', 'WHY'];
  const rows = services.flatMap(({ service, policy: own, images, problem }) => {
    const policy = own ?? '–';
    if (problem !== null) return [[service, '–', '–', '–', '–', policy, style('bad', 'unknown'), printable(problem)]];
    return images.map((image) => [service, ...cells(image, moment), policy, ...verdict(image, style)]);
  });
  return table(
    titles.map((title) => ({ title })),
    rows,
  );
}

function cells({ name, reference, current, to }: ImageVerdict, moment: Moment): string[] {
  // Where the tag stays the same only the digests tell what changes.
  const moved = to?.level === 'digest';
  const now = moved ? withDigest(current) : (current.tag ?? shortDigest(current.digest));
  const next = to === null ? '–' : withDigest({ tag: to.tag, digest: moved ? to.digest : null });
  return [
    printable(name),
    printable(current.tag === null && current.digest === null ? reference : now),
    next,
    ageOf(to, moment),
  ];
}

function verdict({ kind, why }: ImageVerdict, style: Style): string[] {
  const [tint, text] = WORDS[kind];
  return [style(tint, text), printable(why)];
}

function withDigest({ tag, digest }: { tag: string | null; digest: string | null }): string {
  return digest === null ? (tag ?? '–') : `${tag ?? ''}@${shortDigest(digest)}`;
}

function shortDigest(digest: string | null): string {
  return digest === null ? '–' : digest.replace('sha256:', '').slice(0, 12);
}

const HOUR_MS = 3_600_000;

function ageOf(to: ImageVerdict['to'], { now }: Moment): string {
  if (to === null || to.createdAt === null) return '–';
  const hours = Math.max(0, Math.floor((now.getTime() - Date.parse(to.createdAt)) / HOUR_MS));
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

/** What registries say of how often they may be asked. */
export function limitLines(limits: readonly RateLimit[], moment: Moment): string[] {
  return limits.flatMap(({ registry, remaining, limit, windowSeconds, waitUntil }) => {
    if (waitUntil !== null) return [`${registry} takes no more requests until ${when(waitUntil, moment)}`];
    if (remaining === null) return [];
    const of = limit === null ? '' : ` of ${limit}`;
    const within = windowSeconds === null ? '' : ` in ${Math.round(windowSeconds / 360) / 10} h`;
    return [`${registry}: ${remaining}${of} requests left${within}`];
  });
}

const DONE = { approve: 'approved', skip: 'skipped', pin: 'pinned' } as const;

export function decisionLines(service: string, decisions: DecideRequest['decisions']): string[] {
  return decisions.map(({ image, version, decision }) => {
    const what = image === null ? service : `${service}/${image}`;
    const short = version.startsWith('sha256:') ? shortDigest(version) : version;
    return `${printable(what)}: ${short} ${DONE[decision]}`;
  });
}
