/** Tags that are versions: `1.2.3`, `v2`, `16.4-alpine`, `2026.11.1`, `1.5.0-rc.2`; and which of two is newer. */

export interface VersionTag {
  tag: string;
  /** Whether it begins with a `v`, which means nothing. */
  v: boolean;
  numbers: readonly bigint[];
  /** `rc.2` split into words and numbers; empty for a release. */
  pre: readonly (string | bigint)[];
  /** What kind of image it is: `-alpine`. Others are never taken for a newer version of it. */
  flavour: string;
  /** Of a distributor that builds the same version anew: `-r3`, `-ls12`. */
  revision: bigint;
}

export type Level = 'digest' | 'patch' | 'minor' | 'major';

/** At most 18 digits a number: what is longer is no version that a person wrote. */
const VERSION = /^(v?)(\d{4}-\d{2}-\d{2}|\d{1,18}(?:\.\d{1,18}){0,4})(?!\d|\.\d)(.*)$/i;

/** What developers call a version that is not to be used yet. */
const PRE =
  /^[-._]?((?:alpha|beta|rc|pre|preview|dev|nightly|snapshot|canary|edge|test|testing|next|unstable|a|b|m)(?:[-._]?\d{1,18})?(?:\.\d{1,18})*)(?![a-z0-9])/i;
const REVISION = /-(?:r|ls)(\d{1,18})$/;

/** @returns undefined for a tag that is no version, such as `latest`, and for the digest of a commit. */
export function parseTag(tag: string): VersionTag | undefined {
  const [, v = '', written = '', rest = ''] = VERSION.exec(tag) ?? [];
  if (written === '') return undefined;
  const pre = PRE.exec(rest);
  const after = rest.slice(pre?.[0].length ?? 0);
  // `3f2a91c` begins with a number and is none: what follows a version is set off from it.
  if (after !== '' && !/^[-_+.][a-z0-9]/i.test(after)) return undefined;
  const revision = REVISION.exec(after);
  return {
    tag,
    v: v !== '',
    numbers: written.split(/[.-]/).map(BigInt),
    pre: wordsOf(pre?.[1] ?? ''),
    flavour: revision === null ? after : after.slice(0, revision.index),
    revision: BigInt(revision?.[1] ?? 0),
  };
}

/** Whether they are versions of the same thing, written in the same way: one can be newer than the other. */
export function comparable(one: VersionTag, other: VersionTag): boolean {
  const sameForm = one.numbers.length === other.numbers.length && isCalendar(one) === isCalendar(other);
  return sameForm && one.flavour === other.flavour;
}

/** Negative: `one` is the older. */
export function compareTags(one: VersionTag, other: VersionTag): number {
  const byNumbers = compareLists(one.numbers, other.numbers);
  if (byNumbers !== 0) return byNumbers;
  // A release is newer than what led to it.
  if (one.pre.length === 0 || other.pre.length === 0) {
    const byRelease = Number(one.pre.length === 0) - Number(other.pre.length === 0);
    if (byRelease !== 0) return byRelease;
  }
  return compareLists(one.pre, other.pre) || compare(one.revision, other.revision);
}

/**
 * How great the step is. Calendar versions have no major ones: another year or month is `minor`, anything after these
 * is `patch`.
 */
export function levelOf(from: VersionTag, to: VersionTag): Exclude<Level, 'digest'> {
  const place = from.numbers.findIndex((number, index) => number !== to.numbers[index]);
  if (place === -1) return 'patch';
  if (isCalendar(from)) return place <= 1 ? 'minor' : 'patch';
  if (place === 0) return 'major';
  return place === 1 ? 'minor' : 'patch';
}

/** Another first number: what a database calls a new major version, also where it counts in years. */
export function changesFirst(from: VersionTag, to: VersionTag): boolean {
  return from.numbers[0] !== to.numbers[0];
}

/** `2026.11.1`, `2026-11-01`, `20261101`: it begins with a year of our time. */
function isCalendar({ numbers: [first = 0n] }: VersionTag): boolean {
  return (first >= 1990n && first < 2100n) || (first >= 19900101n && first < 21000101n);
}

function wordsOf(text: string): (string | bigint)[] {
  const words = text.toLowerCase().match(/[a-z]+|\d+/g) ?? [];
  return words.map((word) => (/^\d/.test(word) ? BigInt(word) : word));
}

function compareLists(one: readonly (string | bigint)[], other: readonly (string | bigint)[]): number {
  for (const [index, word] of one.entries()) {
    const against = other[index];
    if (against === undefined) return 1;
    const difference = compareWords(word, against);
    if (difference !== 0) return difference;
  }
  return one.length < other.length ? -1 : 0;
}

/** As in semantic versions: a number is older than a word. */
function compareWords(one: string | bigint, other: string | bigint): number {
  if (typeof one === typeof other) return compare(one, other);
  return typeof one === 'bigint' ? -1 : 1;
}

function compare(one: string | bigint, other: string | bigint): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
