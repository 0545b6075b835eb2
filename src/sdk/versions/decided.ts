/** What a person has decided, applied to one image. */
import { z } from 'zod';
import { Decision } from '#sdk/versions/decision.ts';
import type { Option } from '#sdk/versions/options.ts';

export interface Decided {
  skipped(option: Option): boolean;
  approved(option: Option): boolean;
  /** The version that the image is to stay at, or to be brought to. */
  pin: string | null;
  /** Whether anything was approved or pinned at all. */
  any: boolean;
}

/** So many characters of a digest are enough to mean it. */
const SHORTEST_DIGEST = 'sha256:'.length + 12;

export function decidedFor(decisions: readonly Decision[], name: string): Decided {
  const mine = decisions
    .filter(({ image }) => image === null || image === name)
    .toSorted((one, other) => Date.parse(other.at) - Date.parse(one.at));
  const wordOn = (option: Option) =>
    mine.find(({ decision, version }) => decision !== 'pin' && isVersion(version, option))?.decision;
  return {
    skipped: (option) => wordOn(option) === 'skip',
    approved: (option) => wordOn(option) === 'approve',
    pin: mine.find(({ decision }) => decision === 'pin')?.version ?? null,
    any: mine.some(({ decision }) => decision !== 'skip'),
  };
}

const Decisions = z.object({ decisions: z.array(Decision).default([]) });

/** For a program that is not made of images: its version was skipped, or rolled back, and nobody has approved it since. */
export function isSkipped(policy: unknown, service: string, version: string): boolean {
  const { decisions } = Decisions.parse(policy ?? {});
  return decidedFor(decisions, service).skipped({ tag: version, digest: null, level: 'minor', majorChange: null });
}

/** A moved tag is meant by its digest alone: the tag says nothing of what it points to next week. */
export function isVersion(version: string, { tag, digest, level }: Pick<Option, 'tag' | 'digest' | 'level'>): boolean {
  if (level !== 'digest' && version === tag) return true;
  return digest !== null && isDigest(version, digest);
}

function isDigest(version: string, digest: string): boolean {
  return version.length >= SHORTEST_DIGEST && version.startsWith('sha256:') && digest.startsWith(version);
}
