/** What holds whatever the answers are. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Check } from '#monitor/check.ts';
import type { GraphService } from '#monitor/graph.ts';
import { checkOf, MINUTE, resultOf, stageOf, tales } from '#test/monitor/stage.ts';

const answers = fc.array(fc.boolean(), { minLength: 1, maxLength: 120 });
const thresholds = fc.record({
  failureThreshold: fc.integer({ min: 1, max: 5 }),
  successThreshold: fc.integer({ min: 1, max: 5 }),
});

function play(check: Check, all: readonly boolean[]) {
  const stage = stageOf([check]);
  for (const [i, ok] of all.entries()) stage.step(i * MINUTE, resultOf(check, i * MINUTE, { ok }));
  return stage;
}

/** By counting alone, from the words of the documentation. */
function expectedTales(all: readonly boolean[], bad: number, good: number): string[] {
  const told: string[] = [];
  let down = false;
  for (const [i] of all.entries()) {
    const lastBad = all.slice(Math.max(0, i - bad + 1), i + 1);
    const lastGood = all.slice(Math.max(0, i - good + 1), i + 1);
    if (!down && lastBad.length === bad && lastBad.every((ok) => !ok)) {
      down = true;
      told.push('down service:notes');
    } else if (down && lastGood.length === good && lastGood.every(Boolean)) {
      down = false;
      told.push('up service:notes');
    }
  }
  return told;
}

test('a flapping service is told exactly as often as its thresholds say', () => {
  fc.assert(
    fc.property(answers, thresholds, (all, limits) => {
      const stage = play(checkOf('notes', limits), all);

      expect(tales(stage)).toEqual(expectedTales(all, limits.failureThreshold, limits.successThreshold));
    }),
  );
});

test('how answers are batched changes nothing of what is known in the end', () => {
  fc.assert(
    fc.property(answers, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (all, sizes) => {
      const check = checkOf('notes');
      const results = all.map((ok, i) => resultOf(check, i * MINUTE, { ok }));
      const one = play(check, all);
      const batched = stageOf([check]);
      for (let from = 0, n = 0; from < results.length; n++) {
        const size = sizes[n % sizes.length] ?? 1;
        const batch = results.slice(from, from + size);
        batched.step(batch.at(-1)?.at ?? 0, ...batch);
        from += size;
      }

      expect(batched.world.states).toEqual(one.world.states);
      expect(batched.world.incidents.has('service:notes')).toBe(one.world.incidents.has('service:notes'));
      expect(batched.deltas).toEqual(one.deltas);
    }),
  );
});

test('whatever happens while our own run has the service, nobody is told', () => {
  fc.assert(
    fc.property(answers, (all) => {
      const check = checkOf('notes', { failureThreshold: 1 });
      const stage = stageOf([check]);
      stage.runs = [{ id: 'r', service: 'notes', startedAt: -1, finishedAt: null }];
      for (const [i, ok] of all.entries()) stage.step(i * MINUTE, resultOf(check, i * MINUTE, { ok }));

      expect(stage.told).toEqual([]);
      expect(stage.deltas.every(({ downMs }) => downMs === 0)).toBe(true);
    }),
  );
});

/** Each service needs some of those before it. */
const homelab = fc
  .array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 8 })
  .map((all): GraphService[] =>
    all.map((needs, i) => ({
      name: `s${i}`,
      host: 'nas',
      dependsOn: i === 0 ? [] : [...new Set(needs.map((n) => `s${n % i}`))],
    })),
  );

test('of services that break together, only those are told whose needs are up; and all is told by the end', () => {
  fc.assert(
    fc.property(homelab, fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), (services, works) => {
      const checks = services.map(({ name }) => checkOf(name));
      const isBroken = (name: string): boolean => {
        const own = services.find((one) => one.name === name);
        return works[Number(name.slice(1))] === false || (own?.dependsOn.some(isBroken) ?? false);
      };
      const stage = stageOf(checks, services);
      for (let i = 0; i < 12; i++) {
        // Each at its own second of the minute, as they are asked.
        for (const [n, check] of checks.entries()) {
          const at = i * MINUTE + n * 1_000;
          stage.step(at, resultOf(check, at, { ok: i < 2 || !isBroken(check.id.split('/')[0] ?? '') }));
        }
      }

      const roots = services.filter(({ name, dependsOn }) => isBroken(name) && !dependsOn.some(isBroken));
      expect(tales(stage).toSorted()).toEqual(roots.map(({ name }) => `down service:${name}`).toSorted());
      const broken = services.filter(({ name }) => isBroken(name));
      expect([...stage.world.incidents.keys()].toSorted()).toEqual(
        broken.map(({ name }) => `service:${name}`).toSorted(),
      );
    }),
  );
});

test('an end is told only of what was told before, and every incident ends when all answers are good', () => {
  fc.assert(
    fc.property(
      homelab,
      fc.array(fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), { maxLength: 30 }),
      (services, rounds) => {
        const checks = services.map(({ name }) => checkOf(name));
        const stage = stageOf(checks, services);
        const allGood = Array.from({ length: 4 }, () => Array.from({ length: 8 }, () => true));
        for (const [i, round] of [...rounds, ...allGood].entries()) {
          const at = i * MINUTE;
          stage.step(at, ...checks.map((check, n) => resultOf(check, at, { ok: round[n] ?? true })));
        }

        expect(stage.world.incidents.size).toBe(0);
        for (const subject of new Set(stage.told.map(({ incident }) => incident.subject))) {
          const words = stage.told.filter(({ incident }) => incident.subject === subject).map(({ what }) => what);
          expect(words).toEqual(words.map((_, i) => (i % 2 === 0 ? 'down' : 'up')));
        }
      },
    ),
  );
});

test('the time of a service adds up: nothing is counted twice', () => {
  fc.assert(
    fc.property(answers, answers, (first, second) => {
      const a = checkOf('notes', { id: 'notes/a' });
      const b = checkOf('notes', { id: 'notes/b' });
      const stage = stageOf([a, b]);
      const length = Math.min(first.length, second.length);
      for (let i = 0; i < length; i++) {
        stage.step(i * MINUTE, resultOf(a, i * MINUTE, { ok: first[i] ?? true }));
        stage.step(i * MINUTE + 500, resultOf(b, i * MINUTE + 500, { ok: second[i] ?? true }));
      }

      const own = stage.deltas.filter(({ key }) => key === 'service:notes');
      const sum = own.reduce((all, { upMs, downMs, plannedMs }) => all + upMs + downMs + plannedMs, 0);
      expect(sum).toBe((length - 1) * MINUTE + 500);
    }),
  );
});
