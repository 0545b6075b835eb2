/** Heartbeats: when something that reports by itself counts as silent, and that nobody is told who need not be. */
import { expect, test } from 'vitest';
import { heartbeatId } from '#monitor/check.ts';
import { checkOf, MINUTE, resultOf, stageOf, tales } from '#test/monitor/stage.ts';

const HOUR = 60 * MINUTE;
const copy = checkOf('nas', {
  id: heartbeatId('copy'),
  ask: { kind: 'heartbeat', name: 'copy', everyMs: HOUR },
  failureThreshold: 1,
  successThreshold: 1,
});

/** The controller looks every minute; a report comes at each of these instants. */
function listened(until: number, reports: readonly number[] = [], options: { deaf?: [number, number] } = {}) {
  const stage = stageOf([copy], [], 6 * HOUR);
  const [deafFrom, deafTo] = options.deaf ?? [0, 0];
  for (let now = 0; now <= until; now += MINUTE) {
    if (now > deafFrom && now < deafTo) continue;
    const due = reports.filter((at) => at > now - MINUTE && at <= now);
    stage.step(now, ...due.map((at) => resultOf(copy, at)));
  }
  return stage;
}

test('what reports in time is up, however often it reports', () => {
  const every = (ms: number) => Array.from({ length: 20 }, (_, i) => i * ms);

  expect(tales(listened(10 * HOUR, every(HOUR - MINUTE)))).toEqual([]);
  expect(tales(listened(2 * HOUR, every(10_000).concat(HOUR)))).toEqual([]);
});

test('what stays silent for longer is told once, with how long, and again when it is back', () => {
  const stage = listened(4 * HOUR, [HOUR / 2, 3 * HOUR]);

  expect(tales(stage)).toEqual(['down service:nas', 'up service:nas']);
  expect(stage.incidents()).toMatchObject([
    {
      startedAt: 1.5 * HOUR + MINUTE,
      endedAt: 3 * HOUR,
      cause: 'heartbeat copy: it has not reported for 1h1m, and is to report every 1h',
    },
  ]);
});

test('what has never reported has as long as it may be silent, from when it was configured', () => {
  expect(tales(listened(HOUR))).toEqual([]);
  expect(tales(listened(HOUR + MINUTE))).toEqual(['down service:nas']);
});

test('what is silent for days is known to be, and told again after each reminder', () => {
  const stage = listened(14 * HOUR);

  expect(tales(stage)).toEqual(['down service:nas', 'still service:nas', 'still service:nas']);
});

test('time in which the controller was away does not count as silence, but what was silent before stays so', () => {
  const away = listened(6 * HOUR, [4 * MINUTE, 5.5 * HOUR], { deaf: [30 * MINUTE, 5 * HOUR] });
  const before = listened(6 * HOUR, [], { deaf: [1.5 * HOUR, 5 * HOUR] });

  expect(tales(away)).toEqual([]);
  expect(tales(before)).toEqual(['down service:nas']);
});

test('two reports in one breath, and one of a moment ago, count both', () => {
  const stage = stageOf([copy]);
  stage.step(0);
  stage.step(HOUR, resultOf(copy, HOUR - 10), resultOf(copy, HOUR - 20));

  stage.step(HOUR + 1_000, resultOf(copy, HOUR + 500));

  expect(stage.world.states.get(copy.id)?.last).toMatchObject({ value: HOUR + 500, ok: true });
});

test('a clock that was set back by a year silences nobody for a year', () => {
  const stage = stageOf([copy]);
  stage.step(9_000 * HOUR, resultOf(copy, 9_000 * HOUR));

  stage.step(0);
  for (let now = MINUTE; now <= HOUR + MINUTE; now += MINUTE) stage.step(now);

  expect(tales(stage)).toEqual(['down service:nas']);
});

test('while our own run has the service, its silence is planned', () => {
  const stage = stageOf([copy]);
  stage.runs.push({ id: 'run', service: 'nas', startedAt: 0, finishedAt: null });

  for (let now = 0; now <= 2 * HOUR; now += MINUTE) stage.step(now);

  expect(tales(stage)).toEqual([]);
});

test('counts in the uptime, and has no response time, for nobody asked', () => {
  const { deltas } = listened(2 * HOUR, [HOUR / 2]);
  const mine = deltas.filter(({ key }) => key === copy.id);

  expect(mine.reduce((sum, { upMs }) => sum + upMs, 0)).toBe(1.5 * HOUR);
  expect(mine.reduce((sum, { downMs }) => sum + downMs, 0)).toBe(0.5 * HOUR);
  expect(mine.every(({ tookMs }) => tookMs === null)).toBe(true);
});
