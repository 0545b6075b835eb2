/** What an image could be updated to: versions newer than its tag, and the same tag where it has moved. */
import {
  changesFirst,
  comparable,
  compareTags,
  type Level,
  levelOf,
  parseTag,
  type VersionTag,
} from '#sdk/versions/tag.ts';

export interface Option {
  tag: string;
  level: Level;
  /** Of a tag that moved; of others it is not known yet. */
  digest: string | null;
  /** Whether data of the present version may be of no use to it. Null: nobody can tell from the tags. */
  majorChange: boolean | null;
}

/** The newest first. Pre-releases are left out, unless one runs now. */
export function newerVersions(
  current: VersionTag,
  tags: readonly string[],
  wanted: (tag: string) => boolean,
): Option[] {
  const newer = tags
    .flatMap((tag) => parseTag(tag) ?? [])
    .filter((tag) => comparable(current, tag) && compareTags(tag, current) > 0)
    .filter(({ pre }) => pre.length === 0 || current.pre.length > 0)
    .filter(({ tag }) => wanted(tag))
    .sort((one, other) => compareTags(other, one) || byStyle(current, one, other));
  return newer.map((tag) => ({
    tag: tag.tag,
    level: levelOf(current, tag),
    digest: null,
    majorChange: changesFirst(current, tag),
  }));
}

/** The tag that runs, where the registry has something else under it now. */
export function movedTag(tag: string, digest: string): Option {
  return { tag, level: 'digest', digest, majorChange: parseTag(tag) === undefined ? null : false };
}

/** Where `v1.2` and `1.2` are both there, the one that is written as the present one. */
function byStyle(current: VersionTag, one: VersionTag, other: VersionTag): number {
  return Number(other.v === current.v) - Number(one.v === current.v);
}
