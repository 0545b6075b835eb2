/** What monitoring writes is there when it is read again, all of it or nothing. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Delta, Incident, Step } from '#monitor/world.ts';
import { openDatabase } from '#store/database.ts';
import { createHealth } from '#store/health.ts';
import { createHealthLog } from '#store/health-log.ts';
import { checkOf, MINUTE, resultOf, stageOf } from '#test/monitor/stage.ts';
import { tempDir } from '#test/support/tmp.ts';

const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 5, 1, 12);

async function bed() {
  const dir = await tempDir();
  const db = openDatabase(join(dir.path, 'state.db'));
  return {
    health: createHealth(db),
    log: createHealthLog(db),
    async [Symbol.asyncDispose]() {
      db[Symbol.dispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

const stepOf = (more: Partial<Step>): Step => ({
  world: { states: new Map(), incidents: new Map(), accounted: new Map() },
  touched: [],
  incidents: [],
  told: [],
  mendable: [],
  deltas: [],
  ...more,
});

const deltaOf = (at: number, more: Partial<Delta> = {}): Delta => ({
  key: 'service:notes',
  at,
  upMs: 0,
  downMs: 0,
  plannedMs: 0,
  count: 1,
  bad: 0,
  tookMs: null,
  ...more,
});

test('states and open incidents are found again by the next controller', async () => {
  await using all = await bed();
  const notes = checkOf('notes');
  const stage = stageOf([notes]);
  for (let i = 0; i < 3; i++) stage.step(i * MINUTE, resultOf(notes, i * MINUTE, { ok: false }));
  const incidents = [...stage.world.incidents.values()];

  all.health.save(stepOf({ world: stage.world, touched: ['notes/web'], incidents }), '5-1', () => undefined);

  const world = all.health.world(() => true);
  expect(world.states).toEqual(stage.world.states);
  expect(world.incidents).toEqual(stage.world.incidents);
  expect(all.health.cursor()).toBe('5-1');
});

test('when a message cannot be written, nothing of the batch is, and the next one is whole', async () => {
  await using all = await bed();
  const step = stepOf({ deltas: [deltaOf(NOW, { upMs: MINUTE })] });
  const fail = () => {
    throw new Error('the disk is full');
  };

  expect(() => all.health.save(step, '5-1', fail)).toThrow('the disk is full');
  const after = all.health.cursor();
  all.health.save(step, '5-2', () => undefined);

  expect(after).toBeNull();
  expect(all.log.times('service:notes', '24h', NOW).upMs).toBe(MINUTE);
});

test('uptime is summed over its window, and planned time is kept apart', async () => {
  await using all = await bed();
  const deltas = [
    deltaOf(NOW - 300 * DAY, { downMs: HOUR }),
    deltaOf(NOW - 20 * DAY, { downMs: HOUR }),
    deltaOf(NOW - 3 * DAY, { plannedMs: HOUR }),
    deltaOf(NOW - HOUR, { upMs: HOUR }),
    deltaOf(NOW, { upMs: MINUTE }),
  ];

  all.health.save(stepOf({ deltas }), null, () => undefined);

  const of = (window: '24h' | '7d' | '30d' | '365d') => all.log.times('service:notes', window, NOW);
  expect(of('24h')).toEqual({ upMs: HOUR + MINUTE, downMs: 0, plannedMs: 0 });
  expect(of('7d')).toEqual({ upMs: HOUR + MINUTE, downMs: 0, plannedMs: HOUR });
  expect(of('30d')).toMatchObject({ downMs: HOUR });
  expect(of('365d')).toMatchObject({ downMs: 2 * HOUR });
});

test('response times of several batches are one histogram', async () => {
  await using all = await bed();

  for (const tookMs of [10, 10, 10, 1_000]) {
    all.health.save(stepOf({ deltas: [deltaOf(NOW, { key: 'notes/web', tookMs })] }), null, () => undefined);
  }

  const times = all.log.responseTimes('notes/web', '24h', NOW);
  expect(times?.p50).toBeGreaterThan(8);
  expect(times?.p50).toBeLessThan(12);
  expect(times?.p99).toBeGreaterThan(900);
  expect(all.log.responseTimes('notes/other', '24h', NOW)).toBeNull();
});

test('hours are kept for a month and days for a year; open incidents are kept however old', async () => {
  await using all = await bed();
  const incident = (subject: string, endedAt: number | null): Incident => ({
    id: subject,
    subject,
    startedAt: NOW - 500 * DAY,
    endedAt,
    cause: 'refused',
    root: null,
    run: null,
    toldAt: null,
    reminders: 0,
    holdUntil: 0,
    gaveUpAt: null,
  });
  const deltas = [deltaOf(NOW - 100 * DAY, { upMs: HOUR }), deltaOf(NOW - 401 * DAY, { upMs: HOUR })];
  const incidents = [incident('service:a', null), incident('service:b', NOW - 450 * DAY)];
  all.health.save(stepOf({ deltas, incidents }), null, () => undefined);

  all.health.prune(NOW);

  expect(all.log.times('service:notes', '7d', NOW - 98 * DAY).upMs).toBe(0);
  expect(all.log.times('service:notes', '365d', NOW).upMs).toBe(HOUR);
  expect(all.log.times('service:notes', '365d', NOW - 100 * DAY).upMs).toBe(HOUR);
  expect(all.log.incidents({ limit: 10 }).map(({ subject }) => subject)).toEqual(['service:a']);
});
