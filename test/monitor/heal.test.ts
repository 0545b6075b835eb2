/** Restarts: which services may be restarted, when, and how often at most. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideHeal, type HealAttempt } from '#monitor/heal.ts';
import type { HealRules } from '#sdk/heal.ts';
import { checkOf, MINUTE, resultOf, type Stage, stageOf } from '#test/monitor/stage.ts';

const RULES: HealRules = {
  afterMs: 0,
  attempts: 3,
  windowMs: 24 * 60 * MINUTE,
  backoffMs: MINUTE,
  maxBackoffMs: 30 * MINUTE,
};

describe('what may be restarted', () => {
  const web = checkOf('web');
  const page = checkOf('page');
  const services = [
    { name: 'web', host: 'nas', dependsOn: [] },
    { name: 'page', host: 'nas', dependsOn: ['web'] },
  ];
  const breaks = (stage: Stage, until: number, ...checks: (typeof web)[]) => {
    for (let now = 0; now <= until; now += MINUTE) {
      stage.step(now, ...checks.map((check) => resultOf(check, now, { ok: false })));
    }
  };
  const names = ({ mendable }: Stage) => mendable.map(({ incident }) => incident.subject);

  test('is a service that is told as down, from the answer on by which it is', () => {
    const stage = stageOf([web], services);
    breaks(stage, MINUTE, web);
    const before = names(stage);
    breaks(stage, 2 * MINUTE, web);

    expect(before).toEqual([]);
    expect(names(stage)).toEqual(['service:web']);
    expect(stage.mendable[0]?.badAt).toBe(2 * MINUTE);
  });

  test('is not what is down because of something else, which may be', () => {
    const stage = stageOf([web, page], services);
    breaks(stage, 4 * MINUTE, web, page);

    expect(names(stage)).toEqual(['service:web']);
  });

  test('is nothing on a host without a worker', () => {
    const stage = stageOf([web], services);
    breaks(stage, 4 * MINUTE, web);
    stage.away.set('nas', 1_000);
    stage.step(4 * MINUTE + 1_000);

    expect(names(stage)).toEqual([]);
  });

  test('is nothing that a run of ours has, but a restart of ours is no such run', () => {
    const stage = stageOf([web], services);
    breaks(stage, 4 * MINUTE, web);
    const run = { id: 'r', service: 'web', startedAt: 4 * MINUTE, finishedAt: null };
    stage.runs = [run];
    stage.step(4 * MINUTE + 1_000);
    const duringBackup = names(stage);
    stage.runs = [{ ...run, mends: true }];
    stage.step(4 * MINUTE + 2_000);

    expect(duringBackup).toEqual([]);
    expect(names(stage)).toEqual(['service:web']);
  });

  test('is nothing that only failed to report, and nothing that cannot be reached from outside alone', () => {
    const beat = checkOf('web', { id: 'heartbeat x', ask: { kind: 'heartbeat', name: 'x', everyMs: MINUTE } });
    const outside = checkOf('web', { id: 'web/outside', subject: 'external:web' });
    const stage = stageOf([beat, outside], services);
    breaks(stage, 10 * MINUTE, outside);

    expect([...stage.world.incidents.keys()].toSorted()).toEqual(['external:web', 'service:web']);
    expect(names(stage)).toEqual([]);
  });

  test('the time of a restart counts as down', () => {
    const stage = stageOf([web], services);
    stage.runs = [{ id: 'r', service: 'web', startedAt: 0, finishedAt: null, mends: true }];
    breaks(stage, 4 * MINUTE, web);

    expect(stage.deltas.some(({ downMs }) => downMs > 0)).toBe(true);
    expect(stage.deltas.every(({ plannedMs }) => plannedMs === 0)).toBe(true);
  });
});

interface Life {
  rules: HealRules;
  /** What becomes of each restart in turn: how long it takes, and whether the service works afterwards, and for how long. */
  fates: { tookMs: number; upMs: number }[];
}

const rulesOf = fc.record({
  afterMs: fc.integer({ min: 0, max: 20 * MINUTE }),
  attempts: fc.integer({ min: 1, max: 5 }),
  windowMs: fc.integer({ min: 1, max: 48 * 60 }).map((minutes) => minutes * MINUTE),
  backoffMs: fc.integer({ min: 1, max: 10 * MINUTE }),
  maxBackoffMs: fc.integer({ min: 10 * MINUTE, max: 60 * MINUTE }),
});
const lifeOf = fc.record({
  rules: rulesOf,
  fates: fc.array(
    fc.record({
      tookMs: fc.integer({ min: 1, max: 6 * MINUTE }),
      upMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 90 * MINUTE })),
    }),
    { minLength: 1, maxLength: 8 },
  ),
});

/** Lives through two days, asked every minute. Each time that the service comes up and breaks again is another incident. */
function live({ rules, fates }: Life) {
  const attempts: HealAttempt[] = [];
  const gaveUp: { incident: string; at: number; restarts: number }[] = [];
  let incident = { id: '0', startedAt: 0, gaveUpAt: null as number | null };
  for (let now = 0; now < 48 * 60 * MINUTE; now += MINUTE) {
    const last = attempts.at(-1);
    const fate = fates[(attempts.length - 1) % fates.length] ?? { tookMs: 1, upMs: 0 };
    if (last?.endedAt === null && now >= last.askedAt + fate.tookMs) {
      attempts[attempts.length - 1] = { ...last, endedAt: now, outcome: 'restarted' };
      if (fate.upMs > 0) incident = { id: String(attempts.length), startedAt: now + fate.upMs, gaveUpAt: null };
    }
    if (now < incident.startedAt) continue;
    const decision = decideHeal({ now, rules, incident, badAt: now, attempts });
    if (decision.do === 'give up') {
      gaveUp.push({ incident: incident.id, at: now, restarts: decision.restarts });
      incident = { ...incident, gaveUpAt: now };
    }
    if (decision.do !== 'restart') continue;
    const run = `${incident.id}.${decision.attempt}`;
    attempts.push({ run, incident: incident.id, askedAt: now, endedAt: null, outcome: 'open' });
  }
  return { attempts, gaveUp };
}

describe('whatever the rules are, and however restarts end', () => {
  test('no window holds more restarts than are allowed, and each is another run', () => {
    fc.assert(
      fc.property(lifeOf, (life) => {
        const { attempts } = live(life);
        const { rules } = life;

        expect(new Set(attempts.map(({ run }) => run)).size).toBe(attempts.length);
        for (const { askedAt } of attempts) {
          const within = attempts.filter((one) => one.askedAt > askedAt - rules.windowMs && one.askedAt <= askedAt);
          expect(within.length).toBeLessThanOrEqual(rules.attempts);
        }
      }),
    );
  });

  test('a restart comes after `after`, and after a pause since the last that is never shorter than the first one', () => {
    fc.assert(
      fc.property(lifeOf, (life) => {
        const { attempts } = live(life);
        const { rules } = life;

        expect(attempts[0]?.askedAt ?? rules.afterMs).toBeGreaterThanOrEqual(rules.afterMs);
        for (const [i, { askedAt }] of attempts.entries()) {
          const before = attempts[i - 1];
          const age = before === undefined ? Number.POSITIVE_INFINITY : askedAt - (before.endedAt ?? askedAt);
          const counts = before !== undefined && before.askedAt > askedAt - rules.windowMs;
          if (counts) expect(age).toBeGreaterThanOrEqual(Math.min(rules.backoffMs, rules.maxBackoffMs));
        }
      }),
    );
  });

  test('a person is called once for an incident, only when the limit is used up, and nothing is restarted for it then', () => {
    fc.assert(
      fc.property(lifeOf, (life) => {
        const { attempts, gaveUp } = live(life);

        expect(new Set(gaveUp.map(({ incident }) => incident)).size).toBe(gaveUp.length);
        for (const { incident, at, restarts } of gaveUp) {
          expect(restarts).toBeGreaterThanOrEqual(life.rules.attempts);
          expect(attempts.filter((one) => one.incident === incident && one.askedAt >= at)).toEqual([]);
        }
      }),
    );
  });
});

describe('one that does not come back', () => {
  test('is restarted at once, then after pauses that double up to the longest, until the limit', () => {
    const rules = { ...RULES, attempts: 8, maxBackoffMs: 10 * MINUTE };

    const { attempts, gaveUp } = live({ rules, fates: [{ tookMs: MINUTE, upMs: 0 }] });

    const pauses = attempts.slice(1).map(({ askedAt }, i) => (askedAt - (attempts[i]?.endedAt ?? 0)) / MINUTE);
    expect(attempts[0]?.askedAt).toBe(0);
    expect(pauses).toEqual([1, 2, 4, 8, 10, 10, 10]);
    expect(gaveUp).toMatchObject([{ incident: '0', restarts: 8 }]);
  });

  const ended = (more: Partial<HealAttempt>): HealAttempt => {
    return { run: 'a', incident: 'i', askedAt: 0, endedAt: MINUTE, outcome: 'restarted', ...more };
  };
  const decided = (attempts: HealAttempt[], more: { now?: number; badAt?: number } = {}) => {
    const incident = { id: 'i', startedAt: 0, gaveUpAt: null };
    return decideHeal({ now: 60 * MINUTE, badAt: 60 * MINUTE, rules: RULES, incident, attempts, ...more });
  };

  test('is not restarted while a restart goes on, nor before it was asked again after one', () => {
    expect(decided([ended({ outcome: 'open', endedAt: null })]).do).toBe('wait');
    expect(decided([ended({})], { badAt: MINUTE }).do).toBe('wait');
    expect(decided([ended({})])).toEqual({ do: 'restart', attempt: 2 });
  });

  test('is left alone when a person has cancelled a restart, until the next incident', () => {
    expect(decided([ended({ outcome: 'refused' })]).do).toBe('wait');
    expect(decided([ended({ outcome: 'refused', incident: 'before' })])).toEqual({ do: 'restart', attempt: 1 });
  });

  test('has used nothing up by runs that changed nothing', () => {
    const left = Array.from({ length: 5 }, (_, i) => ended({ run: `l${i}`, outcome: 'left' }));

    expect(decided(left)).toEqual({ do: 'restart', attempt: 6 });
  });

  test('is not waited for by a clock that was set back', () => {
    expect(decided([ended({ askedAt: 300 * MINUTE, endedAt: 301 * MINUTE })])).toEqual({ do: 'restart', attempt: 2 });
  });
});
