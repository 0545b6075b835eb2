/** The stream of events, taken up into the history: whatever the stream holds twice is told once. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectEvents } from '#app/projector.ts';
import type { RunEvent } from '#engine/run.ts';
import { connectRedis } from '#queue/connection.ts';
import { publishEvent } from '#queue/events.ts';
import { openDatabase } from '#store/database.ts';
import { createHistory } from '#store/history.ts';
import { createJournal } from '#store/journal.ts';
import { createProjection } from '#store/projection.ts';
import { planOf, step } from '#test/support/plans.ts';
import { startRedis } from '#test/support/redis.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

test('an event that was written twice, because Redis died before it could say that it has it, is told once', async () => {
  await using dir = await tempDir();
  await using server = await startRedis();
  using db = openDatabase(join(dir.path, 'state.db'));
  const journal = createJournal(db, { now: () => new Date() });
  const run = 'bcdfghjkmnpq';
  const rest = { input: {}, notBefore: null, retryOf: null, schedule: null, reuse: [] };
  journal.accept({ id: run, plan: planOf(step('a')), ...rest });
  const redis = connectRedis(server, 'worker');
  const stop = new AbortController();
  const ports = { journal, projection: createProjection(db), logDir: dir.path, onStepEnded: () => undefined };
  const onTrouble = (error: unknown) => {
    throw error;
  };
  createProjection(db).moveTo('0-0');
  const projecting = projectEvents({ ...ports, onTrouble, redis: connectRedis(server, 'worker') }, stop.signal);
  const base = { run, at: new Date().toISOString() };
  const story: RunEvent = { type: 'step', ...base, step: 'a', status: 'running', attempt: 2, text: 'worker nas died' };
  const end: RunEvent = { type: 'run', ...base, status: 'succeeded', reason: null };

  for (const event of [story, story, end, end]) publishEvent(redis, event);
  publishEvent(redis, { type: 'log', ...base, step: 'a', level: 'info', message: 'the last line', fields: {} });
  const log = await eventually('the log is written', async () => {
    const text = await readFile(join(dir.path, 'runs', `${run}.jsonl`), 'utf8').catch(() => '');
    return text.includes('the last line') ? text : undefined;
  });
  stop.abort();
  await projecting;
  redis.disconnect();

  expect(log.match(/run succeeded/g)).toHaveLength(1);
  expect(createHistory(db).run(run).story).toHaveLength(1);
});
