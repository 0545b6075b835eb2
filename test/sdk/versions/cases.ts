/** One image with all that is known of it, for tests of the verdict. */
import type { Answer } from '#sdk/registry/answer.ts';
import { parseReference } from '#sdk/registry/reference.ts';
import type { ImageFacts } from '#sdk/registry/registries.ts';
import { decidedFor } from '#sdk/versions/decided.ts';
import type { Decision } from '#sdk/versions/decision.ts';
import { compileFilter } from '#sdk/versions/filter.ts';
import { judge, needsTags, type Outcome } from '#sdk/versions/judge.ts';
import type { Policy } from '#sdk/versions/settings.ts';

const NOW = new Date('2026-11-24T12:00:00Z');
const DAY_MS = 86_400_000;
export const digestOf = (letter: string) => `sha256:${letter.repeat(64)}`;

export interface Case {
  image: string;
  tags?: string[];
  policy?: Policy;
  filter?: string;
  minAgeDays?: number;
  /** Days since a version was made; null: it does not say. Default: 100. */
  ages?: Record<string, number | null>;
  /** What the tag points to now. Default: what runs. */
  found?: Answer<string>;
  running?: string | null;
  listed?: Answer<string[]>;
  decisions?: Pick<Decision, 'decision' | 'version'>[];
  sameImage?: boolean;
  broken?: Record<string, Answer<ImageFacts>>;
}

/** Judges it, and gives every fact that is asked for. */
export function verdict(given: Case): Outcome {
  const { image, tags = [], policy = 'minor', filter = null, minAgeDays = 0, ages = {}, decisions = [] } = given;
  const reference = parseReference(image);
  const { tag } = reference;
  if (tag === null) throw new Error('a case has a tag');
  const decided = decidedFor(
    decisions.map((one, i) => ({ ...one, service: 's', image: null, at: new Date(NOW.getTime() + i).toISOString() })),
    'web',
  );
  const running = given.running === undefined ? digestOf('a') : given.running;
  const facts = new Map<string, Answer<ImageFacts>>();
  const known = {
    reference: { ...reference, tag },
    digest: running,
    imageId: digestOf('1'),
    found: given.found ?? { ok: true as const, value: running ?? digestOf('a') },
    tags: needsTags({ tag }, policy, decided) ? (given.listed ?? { ok: true as const, value: tags }) : null,
    facts,
    policy,
    wanted: compileFilter(filter),
    minAgeMs: minAgeDays * DAY_MS,
    decided,
    now: NOW,
  };
  for (;;) {
    const judged = judge(known);
    if (judged.settled) return judged.outcome;
    const { needs } = judged;
    if (facts.has(needs)) throw new Error(`asked twice for ${needs}`);
    const days = ages[needs] === undefined ? 100 : ages[needs];
    const createdAt = days === null ? null : new Date(NOW.getTime() - days * DAY_MS).toISOString();
    const imageId = given.sameImage === true ? digestOf('1') : digestOf('2');
    const digest = needs === tag && known.found.ok ? known.found.value : digestOf('d');
    facts.set(
      needs,
      given.broken?.[needs] ?? { ok: true, value: { digest, manifestDigest: digestOf('e'), imageId, createdAt } },
    );
  }
}

export const moved: Answer<string> = { ok: true, value: digestOf('b') };
