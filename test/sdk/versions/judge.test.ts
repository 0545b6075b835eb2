/** From tags, digests and decisions to a verdict: what is taken, what is held, and what nobody can say. */
import { describe, expect, test } from 'vitest';
import type { Answer } from '#sdk/registry/answer.ts';
import { POLICIES, type Policy } from '#sdk/versions/settings.ts';
import { type Case, digestOf, moved, verdict } from '#test/sdk/versions/cases.ts';

const told = (given: Case) => {
  const { kind, to, why } = verdict(given);
  return [kind, to?.tag ?? null, why];
};
describe('a newer version', () => {
  const tags = ['1.2.3', '1.2.4', '1.3.0', '2.0.0', '2.1.0-rc.1', 'latest', '1.4.0-alpine', '1.2', '0.9.0'];

  test.each<[Policy, string | null, string]>([
    ['patch', '1.2.4', 'patch update; 2.0.0: a major update, and the policy is patch'],
    ['minor', '1.3.0', 'minor update; 2.0.0: a major update, and the policy is minor'],
    ['major', '2.0.0', 'major update'],
  ])('is taken as far as the policy %s goes', (policy, to, why) => {
    expect(told({ image: 'app:1.2.3', tags, policy })).toEqual(['available', to, why]);
  });

  test('is not looked for when the policy is digest', () => {
    expect(told({ image: 'app:1.2.3', tags, policy: 'digest' })).toEqual(['up_to_date', null, 'nothing newer']);
  });

  test('is held when the policy is manual, and taken once it is approved', () => {
    const held = verdict({ image: 'app:1.2.3', tags, policy: 'manual' });
    const decisions = [{ decision: 'approve' as const, version: '2.0.0' }];

    expect(held).toMatchObject({ kind: 'held', to: { tag: '2.0.0' }, why: expect.stringContaining('manual') });
    expect(told({ image: 'app:1.2.3', tags, policy: 'manual', decisions })).toEqual([
      'available',
      '2.0.0',
      'major update, approved',
    ]);
  });

  test('that the policy leaves is told as held', () => {
    const why = 'a major update, and the policy is patch';

    expect(told({ image: 'app:1.2.4', tags: ['2.0.0'], policy: 'patch' })).toEqual(['held', '2.0.0', why]);
  });

  test('is no pre-release, unless one runs now', () => {
    const versions = ['1.3.0-rc.1', '1.3.0-rc.2'];

    expect(verdict({ image: 'app:1.2.3', tags: versions }).kind).toBe('up_to_date');
    expect(verdict({ image: 'app:1.3.0-rc.1', tags: versions }).to?.tag).toBe('1.3.0-rc.2');
    expect(verdict({ image: 'app:1.3.0-rc.1', tags: [...versions, '1.3.0'] }).to?.tag).toBe('1.3.0');
  });

  test('is written as the present one where both are there', () => {
    expect(verdict({ image: 'app:v1.2.3', tags: ['1.3.0', 'v1.3.0'] }).to?.tag).toBe('v1.3.0');
    expect(verdict({ image: 'app:1.2.3', tags: ['v1.3.0', '1.3.0'] }).to?.tag).toBe('1.3.0');
  });

  test('is one that the filter lets through', () => {
    expect(verdict({ image: 'app:1.2.3', tags, filter: '^1\\.2\\.' }).to?.tag).toBe('1.2.4');
  });

  test('that is skipped is passed over for the next best, and told when there is none', () => {
    const skip = (...versions: string[]) => versions.map((version) => ({ decision: 'skip' as const, version }));

    expect(verdict({ image: 'app:1.2.3', tags, decisions: skip('1.3.0') }).to?.tag).toBe('1.2.4');
    expect(told({ image: 'app:1.2.3', tags: ['1.2.4'], decisions: skip('1.2.4') })).toEqual([
      'up_to_date',
      null,
      'nothing newer; 1.2.4 skipped',
    ]);
  });

  test('that was skipped and then approved is taken: the newest word counts', () => {
    const decisions = [
      { decision: 'skip' as const, version: '1.3.0' },
      { decision: 'approve' as const, version: '1.3.0' },
    ];

    expect(verdict({ image: 'app:1.2.3', tags, decisions })).toMatchObject({ kind: 'available', to: { tag: '1.3.0' } });
  });

  test('is held while the service is pinned, but for the version that it is pinned to', () => {
    const pin = (version: string) => [{ decision: 'pin' as const, version }];

    expect(told({ image: 'app:1.2.3', tags, decisions: pin('1.2.3') })).toEqual([
      'held',
      '2.0.0',
      'pinned to 1.2.3; 1.3.0: pinned to 1.2.3',
    ]);
    expect(verdict({ image: 'app:1.2.3', tags, decisions: pin('1.2.4') })).toMatchObject({
      kind: 'available',
      to: { tag: '1.2.4' },
    });
    const both = [...pin('1.2.3'), { decision: 'approve' as const, version: '1.3.0' }];
    expect(verdict({ image: 'app:1.2.3', tags, decisions: both }).kind).toBe('held');
  });

  test('that is not made for this machine is held, and an older one is taken', () => {
    const detail = 'app:1.3.0 is not made for linux/arm/v7';
    const broken = { '1.3.0': { ok: false as const, reason: 'missing' as const, detail } };

    expect(told({ image: 'app:1.2.3', tags: ['1.2.4', '1.3.0'], broken })).toEqual([
      'available',
      '1.2.4',
      `patch update; 1.3.0: ${detail}`,
    ]);
  });

  test('is looked for also when the registry has thrown away the one that runs', () => {
    const found = { ok: false as const, reason: 'missing' as const, detail: 'gone' };

    expect(verdict({ image: 'app:1.2.3', tags: ['1.2.4'], found })).toMatchObject({ kind: 'available' });
    expect(verdict({ image: 'app:1.2.3', tags: [], found })).toMatchObject({ kind: 'unknown', reason: 'missing' });
  });
});

describe('a tag that moves', () => {
  test('is an update by its digest alone, under every policy but manual', () => {
    for (const policy of POLICIES) {
      const { kind, to } = verdict({ image: 'app:latest', policy, found: moved });
      expect([kind, to?.level, to?.digest]).toEqual([
        policy === 'manual' ? 'held' : 'available',
        'digest',
        digestOf('b'),
      ]);
    }
  });

  test('to an index around the same image is no update', () => {
    expect(verdict({ image: 'app:latest', found: moved, sameImage: true }).kind).toBe('up_to_date');
  });

  test('is skipped by its digest, until it moves again', () => {
    const decisions = [{ decision: 'skip' as const, version: digestOf('b') }];
    const again: Answer<string> = { ok: true, value: digestOf('c') };

    expect(verdict({ image: 'app:latest', found: moved, decisions }).kind).toBe('up_to_date');
    expect(verdict({ image: 'app:latest', found: again, decisions }).kind).toBe('available');
  });

  test('is held where it is pinned, also by its name', () => {
    const decisions = [{ decision: 'pin' as const, version: '1.2' }];

    expect(verdict({ image: 'app:1.2', found: moved, decisions }).kind).toBe('held');
  });

  test('is held where its digest is written with it', () => {
    const given = { image: `app:1.2@${digestOf('a')}`, found: moved };

    expect(verdict(given)).toMatchObject({ kind: 'held', why: expect.stringContaining('the file itself') });
  });

  test('is not known where what runs did not come from the registry', () => {
    expect(verdict({ image: 'app:latest', running: null })).toMatchObject({ kind: 'unknown', reason: 'no_digest' });
  });
});

describe('an image that bears data', () => {
  test.each(['postgres:16.4', 'mariadb:11.4.2', 'ghcr.io/copy/postgres:16.4', 'mongo:7.0.1', 'valkey/valkey:8.0.1'])(
    '%s goes to another major version only when that is approved, whatever the policy',
    (image) => {
      const current = image.slice(image.lastIndexOf(':') + 1);
      const next = current.replace(/^\d+/, '99');
      const given: Case = { image, tags: [next], policy: 'major' };

      expect(verdict(given)).toMatchObject({ kind: 'held', to: { tag: next }, why: expect.stringContaining('data') });
      const decisions = [{ decision: 'approve' as const, version: next }];
      expect(verdict({ ...given, decisions }).kind).toBe('available');
    },
  );

  test('is updated within its major version, and the next one is mentioned', () => {
    const [kind, to, why] = told({ image: 'postgres:16.4', tags: ['16.5', '17.0'], policy: 'major' });

    expect([kind, to]).toEqual(['available', '16.5']);
    expect(why).toContain('17.0: a new major version of postgres may not read the data');
  });

  test('is held when a tag that names no version has moved', () => {
    expect(verdict({ image: 'postgres:latest', found: moved })).toMatchObject({ kind: 'held' });
    expect(verdict({ image: 'postgres:16', found: moved })).toMatchObject({ kind: 'available' });
  });
});

describe('a young version', () => {
  test('is held until it is old enough, and says when that is', () => {
    const given: Case = { image: 'app:1.2.3', tags: ['1.2.4'], minAgeDays: 3, ages: { '1.2.4': 1 } };

    const outcome = verdict(given);

    expect(outcome).toMatchObject({ kind: 'held', why: 'younger than 3d: ready in 2 d' });
    expect(outcome.readyAt).toBe('2026-11-26T12:00:00.000Z');
    expect(verdict({ ...given, ages: { '1.2.4': 3 } }).kind).toBe('available');
  });

  test('does not keep one that is older and old enough from being taken', () => {
    const given: Case = { image: 'app:1.2.3', tags: ['1.2.4', '1.2.5'], minAgeDays: 3, ages: { '1.2.5': 1 } };

    expect(told(given)).toEqual(['available', '1.2.4', 'patch update; 1.2.5: younger than 3d: ready in 2 d']);
  });

  test('is taken when it is approved', () => {
    const decisions = [{ decision: 'approve' as const, version: '1.2.4' }];

    expect(verdict({ image: 'app:1.2.3', tags: ['1.2.4'], minAgeDays: 3, ages: { '1.2.4': 0 }, decisions }).kind).toBe(
      'available',
    );
  });

  test('that does not tell its age is held, and says so', () => {
    const outcome = verdict({ image: 'app:1.2.3', tags: ['1.2.4'], minAgeDays: 3, ages: { '1.2.4': null } });

    expect(outcome).toMatchObject({
      kind: 'held',
      readyAt: null,
      why: expect.stringContaining('does not tell its age'),
    });
  });
});
