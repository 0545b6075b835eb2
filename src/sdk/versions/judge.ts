/** From what is known of an image to a verdict. It asks nobody: what it does not know it names, and is asked again. */
import { formatDuration } from '#kernel/duration.ts';
import type { Answer } from '#sdk/registry/answer.ts';
import type { ImageReference } from '#sdk/registry/reference.ts';
import type { ImageFacts } from '#sdk/registry/registries.ts';
import { type Decided, isVersion } from '#sdk/versions/decided.ts';
import { isDataBearing } from '#sdk/versions/guard.ts';
import { movedTag, newerVersions, type Option } from '#sdk/versions/options.ts';
import type { ImageVerdict, Policy } from '#sdk/versions/settings.ts';
import { parseTag } from '#sdk/versions/tag.ts';

export interface Known {
  reference: ImageReference & { tag: string };
  /** What runs. */
  digest: string | null;
  imageId: string | null;
  /** What the tag points to now. */
  found: Answer<string>;
  /** All tags of the repository; null where the policy needs none. */
  tags: Answer<string[]> | null;
  /** Of the versions that were asked for so far. */
  facts: ReadonlyMap<string, Answer<ImageFacts>>;
  policy: Policy;
  wanted: (tag: string) => boolean;
  minAgeMs: number;
  decided: Decided;
  now: Date;
}

export type Outcome = Pick<ImageVerdict, 'kind' | 'to' | 'why' | 'readyAt' | 'reason'>;
export type Judgement = { settled: true; outcome: Outcome } | { settled: false; needs: string };

const RANK: Record<Policy, number> = { digest: 0, patch: 1, minor: 2, major: 3, manual: -1 };
const STEP = { digest: 0, patch: 1, minor: 2, major: 3 } as const;

export function judge(known: Known): Judgement {
  const options = optionsOf(known);
  if ('settled' in options) return options;
  const held: Outcome[] = [];
  const skipped: string[] = [];
  for (const option of options) {
    if (known.decided.skipped(option)) {
      skipped.push(nameOf(option));
      continue;
    }
    const judged = weigh(option, known);
    if (!judged.settled || judged.outcome.kind === 'unknown') return judged;
    if (judged.outcome.kind === 'available')
      return settled({ ...judged.outcome, why: withRest(judged.outcome.why, held) });
    if (judged.outcome.kind === 'held') held.push(judged.outcome);
  }
  // What only has to grow older comes by itself, so that is what is told.
  const [first] = held.toSorted((one, other) => Number(one.readyAt === null) - Number(other.readyAt === null));
  if (first !== undefined)
    return settled({
      ...first,
      why: withRest(
        first.why,
        held.filter((one) => one !== first),
      ),
    });
  return settled(upToDate(known, skipped));
}

/** Whether there is more to be asked than what the tag points to. */
export function needsTags({ tag }: { tag: string }, policy: Policy, decided: Decided): boolean {
  return (policy !== 'digest' || decided.any) && parseTag(tag) !== undefined;
}

function optionsOf(known: Known): Option[] | Judgement {
  const { reference, found, tags, wanted } = known;
  if (tags !== null && !tags.ok) return unknown(tags.reason, tags.detail);
  const current = parseTag(reference.tag);
  const listed = tags === null || current === undefined ? [] : newerVersions(current, tags.value, wanted);
  const newer = known.policy === 'digest' ? listed.filter((option) => isChosen(option, known.decided)) : listed;
  // A registry may have thrown away the version that runs, and still have newer ones.
  if (!found.ok) return newer.length > 0 && found.reason === 'missing' ? newer : unknown(found.reason, found.detail);
  if (known.digest === found.value) return newer;
  if (known.digest === null) {
    if (newer.length > 0) return newer;
    return unknown('no_digest', 'what runs did not come from this registry (built or loaded here?)');
  }
  const facts = known.facts.get(reference.tag);
  if (facts === undefined) return { settled: false, needs: reference.tag };
  return isSameImage(known, facts) ? newer : [...newer, movedTag(reference.tag, found.value)];
}

/** An index may be made anew around the same image: then nothing would change. */
function isSameImage({ digest, imageId }: Known, facts: Answer<ImageFacts>): boolean {
  if (!facts.ok) return false;
  const { manifestDigest } = facts.value;
  return imageId === facts.value.imageId || imageId === manifestDigest || digest === manifestDigest;
}

function weigh(option: Option, known: Known): Judgement {
  const { decided, reference } = known;
  const approved = isChosen(option, decided);
  const to = { tag: option.tag, digest: option.digest, createdAt: null, level: option.level };
  const hold = approved ? null : holdOf(option, known);
  if (hold !== null) return held(to, hold);
  const facts = known.facts.get(option.tag);
  if (facts === undefined) return { settled: false, needs: option.tag };
  if (!facts.ok) {
    // What is not made for this machine is no reason to fear for all else.
    if (facts.reason === 'missing') return held(to, facts.detail);
    return unknown(facts.reason, facts.detail);
  }
  const { digest, createdAt } = facts.value;
  const found = { ...to, digest, createdAt };
  // The tag moved once more while we were looking.
  if (option.digest !== null && option.digest !== digest) found.digest = digest;
  const young = approved ? null : youth(createdAt, known);
  if (young !== null) return held(found, young.why, young.readyAt);
  const how = option.level === 'digest' ? `${reference.tag} has moved` : `${option.level} update`;
  return settled({
    kind: 'available',
    to: found,
    why: approved ? `${how}, approved` : how,
    readyAt: null,
    reason: null,
  });
}

function isChosen(option: Option, { approved, pin }: Decided): boolean {
  return pin === null ? approved(option) : isVersion(pin, option);
}

/** @returns null when nothing but its age can speak against it. */
function holdOf(option: Option, { decided, reference, policy }: Known): string | null {
  if (decided.pin !== null) return `pinned to ${decided.pin}`;
  if (policy === 'manual') return 'the policy is manual: it waits to be approved';
  if (reference.digest !== null) return 'its digest is written with it, so the file itself must be changed';
  if (option.level !== 'digest' && STEP[option.level] > RANK[policy]) {
    return `a ${option.level} update, and the policy is ${policy}`;
  }
  if (isDataBearing(reference) && option.majorChange !== false) return guardReason(option, reference);
  return null;
}

function guardReason({ tag, majorChange }: Option, { repository }: ImageReference): string {
  const name = repository.slice(repository.lastIndexOf('/') + 1);
  return majorChange === null
    ? `${name}:${tag} may be a new major version, which may not read the data of the old one: it waits to be approved`
    : `a new major version of ${name} may not read the data of the old one: it waits to be approved`;
}

function youth(createdAt: string | null, { minAgeMs, now }: Known): { why: string; readyAt: string | null } | null {
  if (minAgeMs === 0) return null;
  if (createdAt === null) return { why: 'it does not tell its age: it waits to be approved', readyAt: null };
  const readyAt = Date.parse(createdAt) + minAgeMs;
  const left = readyAt - now.getTime();
  if (left <= 0) return null;
  const why = `younger than ${formatDuration(minAgeMs)}: ready in ${roughly(left)}`;
  return { why, readyAt: new Date(readyAt).toISOString() };
}

function upToDate({ reference, decided }: Known, skipped: readonly string[]): Outcome {
  const words = ['nothing newer'];
  if (skipped.length > 0) words.push(`${skipped.join(', ')} skipped`);
  if (decided.pin !== null) words.push(`pinned to ${decided.pin}`);
  if (reference.digest !== null) words.push('its digest is written with it');
  return { kind: 'up_to_date', to: null, why: words.join('; '), readyAt: null, reason: null };
}

function withRest(why: string, rest: readonly Outcome[]): string {
  const [other] = rest;
  return other?.to == null ? why : `${why}; ${other.to.tag}: ${other.why}`;
}

function nameOf({ tag, digest, level }: Option): string {
  return level === 'digest' && digest !== null ? `${tag}@${digest.slice(0, 19)}` : tag;
}

function held(to: NonNullable<Outcome['to']>, why: string, readyAt: string | null = null): Judgement {
  return settled({ kind: 'held', to, why, readyAt, reason: null });
}

function unknown(reason: NonNullable<Outcome['reason']>, why: string): Judgement {
  return settled({ kind: 'unknown', to: null, why, readyAt: null, reason });
}

function settled(outcome: Outcome): Judgement {
  return { settled: true, outcome };
}

/** `2 d`, `5 h`, `20 min`: what is left is rounded up. */
function roughly(ms: number): string {
  const hours = ms / 3_600_000;
  if (hours > 24) return `${Math.ceil(hours / 24)} d`;
  return hours > 1 ? `${Math.ceil(hours)} h` : `${Math.ceil(ms / 60_000)} min`;
}
