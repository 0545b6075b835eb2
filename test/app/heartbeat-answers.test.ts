/** What `check` tells of what reports by itself: the last report, when the next one is due, and what was missed. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { askChecks } from '#app/ask-checks.ts';
import { answerOf, heartbeatAnswers } from '#app/heartbeat-answers.ts';
import { DEFAULT_MONITORING } from '#config/monitoring.ts';
import { createCatalog } from '#host/catalog.ts';
import { heartbeatId } from '#monitor/check.ts';
import { openDatabase } from '#store/database.ts';
import { createHealth } from '#store/health.ts';
import { configOf, serviceNamed } from '#test/cli/stage.ts';
import { checkOf, MINUTE, resultOf, stageOf } from '#test/monitor/stage.ts';
import { tempDir } from '#test/support/tmp.ts';

const HOUR = 60 * MINUTE;
const copy = checkOf('nas', {
  id: heartbeatId('copy'),
  ask: { kind: 'heartbeat', name: 'copy', everyMs: HOUR },
  failureThreshold: 1,
  successThreshold: 1,
});

/** Listened to every minute until then, with reports at these instants. */
function heard(until: number, ...reports: number[]) {
  const stage = stageOf([copy]);
  for (let now = 0; now <= until; now += MINUTE) {
    stage.step(now, ...reports.filter((at) => at > now - MINUTE && at <= now).map((at) => resultOf(copy, at)));
  }
  return stage;
}

const told = (stage: ReturnType<typeof heard>, now: number) =>
  answerOf(copy, stage.world.states.get(copy.id), { isHere: true, now });
const iso = (ms: number) => new Date(ms).toISOString();

describe('a heartbeat', () => {
  test('that reported in time is good, with its last report and when the next one is due', () => {
    expect(told(heard(40 * MINUTE, 10 * MINUTE), 40 * MINUTE)).toEqual({
      state: 'good',
      detail: 'last reported 30m ago, due within 30m',
      lastAt: iso(10 * MINUTE),
      dueAt: iso(70 * MINUTE),
    });
  });

  test('that is silent for too long is bad, also before the controller looks again', () => {
    const stage = heard(70 * MINUTE, 10 * MINUTE);

    expect(told(stage, 70 * MINUTE + 1_000)).toMatchObject({
      state: 'bad',
      detail: 'missed: last reported 1h1s ago, was due 1s ago',
    });
  });

  test('that never reported says so, and has as long as it may be silent', () => {
    expect(told(heard(5 * MINUTE), 5 * MINUTE)).toMatchObject({
      state: 'good',
      detail: 'has not reported yet, due within 55m',
      lastAt: null,
    });
    expect(told(heard(2 * HOUR), 2 * HOUR)).toMatchObject({
      state: 'bad',
      detail: 'missed: has not reported yet, was due 1h ago',
    });
  });

  test('keeps its last report while it is silent, and over time in which nobody could listen', () => {
    const stage = heard(5 * MINUTE, 2 * MINUTE);
    stage.step(10 * HOUR);

    expect(told(stage, 10 * HOUR)).toMatchObject({ state: 'good', lastAt: iso(2 * MINUTE) });
  });

  test('of which nobody knows is neither good nor bad: no controller, none now, or on another machine', () => {
    const stage = heard(5 * MINUTE, 2 * MINUTE);

    expect(told(stage, 3 * HOUR)).toMatchObject({ state: 'unknown', detail: expect.stringContaining('controller') });
    expect(answerOf(copy, undefined, { isHere: true, now: 0 }).state).toBe('unknown');
    expect(answerOf(copy, undefined, { isHere: false, now: 0 })).toMatchObject({
      state: 'unknown',
      detail: 'only the machine of the controller knows when it reported',
    });
  });
});

test('a service that has heartbeats alone is told of from the state file, without Redis', async () => {
  await using dir = await tempDir();
  const services = [serviceNamed('nas', { heartbeats: [{ name: 'copy', everyMs: HOUR }] })];
  const base = configOf({ services, monitoring: DEFAULT_MONITORING });
  const config = { ...base, global: { ...base.global, stateDir: dir.path } };
  const before = heartbeatAnswers(config, services, 0);
  using db = openDatabase(join(dir.path, 'state.db'));
  const stage = heard(40 * MINUTE, 10 * MINUTE);
  const { world } = stage;
  const step = { world, touched: [copy.id], incidents: [], told: [], mendable: [], deltas: [] };
  createHealth(db).save(step, null, () => undefined);

  const checks = await askChecks(
    { config, catalog: createCatalog([]), problems: [] },
    { services, signal: new AbortController().signal, now: new Date(40 * MINUTE) },
  );

  expect(before).toMatchObject([{ service: 'nas', state: 'unknown' }]);
  expect(checks).toMatchObject([
    { service: 'nas', asked: 'heartbeat copy', state: 'good', heartbeat: { lastAt: iso(10 * MINUTE) } },
  ]);
});
