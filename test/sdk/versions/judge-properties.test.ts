/** What holds of every verdict, whatever is asked. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Answer } from '#sdk/registry/answer.ts';
import { POLICIES } from '#sdk/versions/settings.ts';
import { compareTags, parseTag } from '#sdk/versions/tag.ts';
import { digestOf, moved, verdict } from '#test/sdk/versions/cases.ts';

describe('whatever is asked', () => {
  const versions = fc
    .tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.constantFrom('', '', '-rc.1', '-alpine'))
    .map(([a, b, c, rest]) => `${a}.${b}.${c}${rest}`);
  const cases = fc.record({
    image: versions.map((tag) => `app:${tag}`),
    tags: fc.array(versions, { maxLength: 12 }),
    policy: fc.constantFrom(...POLICIES),
    minAgeDays: fc.constantFrom(0, 3),
    ages: fc.dictionary(versions, fc.nat(6)),
    decisions: fc.array(
      fc.record({ decision: fc.constantFrom('skip' as const, 'pin' as const, 'approve' as const), version: versions }),
      { maxLength: 3 },
    ),
    found: fc.constantFrom<Answer<string>>({ ok: true, value: digestOf('a') }, moved),
  });

  test('nothing older, of another flavour or skipped is ever taken, and nothing against the policy unless approved', () => {
    fc.assert(
      fc.property(cases, (given) => {
        const { kind, to, why } = verdict(given);
        if (kind !== 'available' || to === null || to.level === 'digest') return;
        const [from, chosen] = [parseTag(given.image.slice(4)), parseTag(to.tag)];
        if (from === undefined || chosen === undefined) throw new Error('only versions are taken');
        expect(compareTags(chosen, from)).toBeGreaterThan(0);
        expect(chosen.flavour).toBe(from.flavour);
        const words = given.decisions.filter(({ version }) => version === to.tag);
        expect(words.findLast(({ decision }) => decision !== 'pin')?.decision).not.toBe('skip');
        if (why.includes('approved')) return;
        expect(['minor', 'major', 'patch']).toContain(given.policy);
        const rank = ['patch', 'minor', 'major'];
        expect(rank.indexOf(String(to.level))).toBeLessThanOrEqual(rank.indexOf(given.policy));
        expect(given.ages[to.tag] ?? 100).toBeGreaterThanOrEqual(given.minAgeDays);
      }),
    );
  });

  test('a registry that fails is never taken for nothing new', () => {
    const reasons = fc.constantFrom('unreachable', 'unauthorized', 'rate_limited', 'bad_answer', 'unsupported');
    fc.assert(
      fc.property(cases, reasons, fc.boolean(), (given, reason, ofTags) => {
        const failure = { ok: false as const, reason, detail: 'no' } as const;
        const outcome = verdict({ ...given, ...(ofTags ? { listed: failure } : { found: failure }) });
        if (ofTags && given.policy === 'digest') return;
        expect(outcome).toMatchObject({ kind: 'unknown', reason });
      }),
    );
  });
});
