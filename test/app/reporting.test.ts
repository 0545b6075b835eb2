/** The regular report: each slot once, one for all that were slept through, and what it says is what happened. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createPerformer } from '#app/performer.ts';
import { reportIfDue } from '#app/reporting.ts';
import type { ServiceUpdates } from '#app/update-check.ts';
import { createCatalog } from '#host/catalog.ts';
import { plugin as local } from '#plugins/destinations/local/index.ts';
import type { Fire } from '#schedule/fire.ts';
import { plainRules } from '#schedule/rules.ts';
import { openDatabase } from '#store/database.ts';
import { createDrills } from '#store/drills.ts';
import { createHealth } from '#store/health.ts';
import { createHealthLog } from '#store/health-log.ts';
import { createJournal } from '#store/journal.ts';
import { createLedger } from '#store/ledger.ts';
import { createOutbox, createOutboxLog } from '#store/outbox.ts';
import { createReports } from '#store/reports.ts';
import { createRestorePointIndex } from '#store/restore-points.ts';
import { configOf, serviceNamed } from '#test/cli/stage.ts';
import { silent } from '#test/support/engine.ts';
import { planOf, step } from '#test/support/plans.ts';
import { tempDir } from '#test/support/tmp.ts';

const DAY = 86_400_000;
/** A Wednesday. */
const START = Date.parse('2026-06-03T12:00:00Z');
const WEEKLY = { schedule: plainRules('0 6 * * mon', 'UTC'), channels: ['mail', 'chat'] };

async function bed() {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir());
  const db = stack.use(openDatabase(join(dir.path, 'state.db')));
  let time = START;
  const now = () => new Date(time);
  const destinations = [
    { name: 'usb', type: 'local', config: { path: dir.path } },
    { name: 'gone', type: 'local', config: { path: '/proc/no-such-place' } },
  ];
  const base = configOf({ destinations, services: [serviceNamed('notes'), serviceNamed('photos')] });
  const config = { ...base, global: { ...base.global, stateDir: dir.path } };
  const settings = { config, catalog: createCatalog([local]), problems: [] };
  const secrets = async () => 'none';
  const performer = stack.use(createPerformer(settings, { host: 'nas', secrets }));
  const checked: ServiceUpdates[] = [];
  const outbox = createOutbox(db, { now });
  const log = createOutboxLog(db);
  const ports = {
    settings,
    performer,
    health: createHealthLog(db),
    check: async () => ({ services: checked, limits: [] }),
    log: silent,
    reports: createReports(db),
    outbox,
    now,
  };
  const owned = stack.move();
  return {
    db,
    now,
    checked,
    to: (iso: string) => {
      time = Date.parse(iso);
    },
    look: (report = WEEKLY) => reportIfDue(ports, report, new AbortController().signal),
    messages: () => log.entries(100).map(({ channel, message }) => ({ channel, ...message })),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test('a report that is new is due from then on, and goes to each of its channels at its time, once', async () => {
  await using at = await bed();

  const looks = [await at.look()];
  at.to('2026-06-08T05:59:59Z');
  looks.push(await at.look());
  at.to('2026-06-08T06:00:01Z');
  looks.push(await at.look(), await at.look());

  expect(looks).toEqual([false, false, true, false]);
  expect(at.messages().map(({ channel }) => channel)).toEqual(['chat', 'mail']);
  expect(at.messages()[0]?.text).toMatch(/^From 2026-06-03 12:00:00 UTC to 2026-06-08 06:00:00 UTC\.\n/);
});

test('three weeks without a controller are one report, of all of them', async () => {
  await using at = await bed();
  await at.look();

  at.to('2026-06-25T12:00:00Z');
  await at.look();
  await at.look();

  expect(at.messages()).toHaveLength(2);
  expect(at.messages()[0]?.text).toContain('From 2026-06-03 12:00:00 UTC to 2026-06-22 06:00:00 UTC.');
});

test('a clock that was set back makes no report twice, and one that was years ahead silences none', async () => {
  await using at = await bed();
  await at.look();
  at.to('2026-06-08T06:00:01Z');
  await at.look();

  at.to('2026-06-08T05:00:00Z');
  await at.look();
  at.to('2026-06-08T06:00:02Z');
  await at.look();
  expect(at.messages()).toHaveLength(2);

  at.to('2036-01-01T00:00:00Z');
  await at.look();
  at.to('2026-06-09T00:00:00Z');
  await at.look();
  at.to('2026-06-15T06:00:01Z');
  await at.look();

  expect(at.messages().filter(({ text }) => text.includes('to 2026-06-15 06:00:00 UTC.'))).toHaveLength(2);
});

test('a schedule that was changed counts anew', async () => {
  await using at = await bed();
  await at.look();
  at.to('2026-06-10T12:00:00Z');
  const daily = { ...WEEKLY, schedule: plainRules('0 6 * * *', 'UTC') };

  const looks = [await at.look(daily)];
  at.to('2026-06-11T06:00:00Z');
  looks.push(await at.look(daily));

  expect(looks).toEqual([false, true]);
});

const fire = (slot: string, more: Partial<Fire>): Fire => ({
  schedule: 'backup.notes',
  workflow: 'backup',
  service: 'notes',
  slot,
  dueAt: slot,
  disposition: 'missed',
  reason: 'controller_down',
  detail: null,
  run: null,
  lateMs: null,
  recordedAt: slot,
  ...more,
});

const waiting = (service: string, tag: string | null): ServiceUpdates => ({
  service,
  host: 'nas',
  policy: 'manual',
  problem: null,
  images: [
    {
      name: 'web',
      reference: 'r/web',
      current: { tag: '1', digest: null },
      kind: tag === null ? 'up_to_date' : 'held',
      to: tag === null ? null : { tag, digest: null, createdAt: null, level: 'minor' },
      why: '',
      readyAt: null,
      reason: null,
    },
  ],
});

/** A week in which this and that happened, and something before it that is none of its business. */
async function eventful() {
  const at = await bed();
  const journal = createJournal(at.db, { now: at.now });
  let count = 0;
  const end = (workflow: string, service: string, status: 'succeeded' | 'failed' | 'rolled_back') => {
    const id = `run${++count}`.padEnd(12, 'b');
    const rest = { input: {}, notBefore: null, retryOf: null, schedule: null, reuse: [] };
    journal.accept({ id, plan: planOf(step('a'), { workflow, service }), ...rest });
    journal.finish(id, { status, reason: null, next: null });
  };
  end('backup', 'notes', 'failed');
  at.to('2026-06-03T13:00:00Z');
  await at.look();
  at.to('2026-06-05T12:00:00Z');
  end('backup', 'notes', 'succeeded');
  end('backup', 'notes', 'succeeded');
  end('backup', 'photos', 'failed');
  end('backup', 'photos', 'failed');
  end('update', 'notes', 'rolled_back');
  const points = createRestorePointIndex(at.db);
  for (const [id, service] of [['one', 'notes'] as const, ['two', 'notes'] as const, ['three', 'photos'] as const]) {
    const createdAt = at.now().toISOString();
    const rest = { host: 'nas', sizeBytes: 1, files: 1, verifiedAt: createdAt, purpose: 'backup' as const };
    points.sealed({ id, service, run: `run-${id}`, createdAt, ...rest });
  }
  const proof = {
    of: 'set' as const,
    recoveryMs: 1,
    dataAgeMs: 1,
    started: true,
    provenAt: at.now().toISOString(),
    destination: 'usb',
  };
  createDrills(at.db).proven({ run: 'drill', service: 'notes', restorePoint: 'one', ...proof });
  const ledger = createLedger(at.db);
  const paused = fire('2026-06-06T03:00:00.000Z', { disposition: 'skipped', reason: 'paused' });
  ledger.record('backup.notes', [fire('2026-06-05T03:00:00.000Z', {}), paused], START);
  const madeUp = fire('2026-06-06T03:00:00.000Z', { disposition: 'caught_up', run: 'x', schedule: 'drill.notes' });
  ledger.record('drill.notes', [fire('2026-06-05T03:00:00.000Z', { schedule: 'drill.notes' }), madeUp], START);
  incidentsAndUptime(at.db);
  at.checked.push(waiting('notes', '1.4.2'), waiting('photos', null));
  at.to('2026-06-08T06:00:01Z');
  await at.look();
  return at;
}

function incidentsAndUptime(db: Parameters<typeof createHealth>[0]): void {
  const incident = { root: null, run: null, toldAt: 1, reminders: 0, holdUntil: 0, gaveUpAt: null };
  const from = START + DAY;
  const delta = { key: 'service:notes', at: START + 2 * DAY, plannedMs: 0, count: 1, bad: 0, tookMs: 5 };
  createHealth(db).save(
    {
      world: { states: new Map(), incidents: new Map(), accounted: new Map() },
      touched: [],
      told: [],
      mendable: [],
      incidents: [
        {
          ...incident,
          id: 'a',
          subject: 'service:notes',
          startedAt: from,
          endedAt: from + 90_000,
          cause: 'GET /: 502',
        },
        { ...incident, id: 'b', subject: 'host:nas', startedAt: from, endedAt: null, cause: 'away' },
        {
          ...incident,
          id: 'c',
          subject: 'service:photos',
          startedAt: from,
          endedAt: null,
          cause: 'x',
          root: 'host:nas',
        },
        { ...incident, id: 'd', subject: 'service:old', startedAt: 1, endedAt: 2, cause: 'long ago' },
      ],
      deltas: [{ ...delta, upMs: 999, downMs: 1 }],
    },
    null,
    () => undefined,
  );
}

test('it tells what was made and what failed, what has no proof, what did not run, and what was down', async () => {
  await using at = await eventful();

  const [message] = at.messages();
  const lines = message?.text.split('\n') ?? [];

  expect(message).toMatchObject({ event: 'report', severity: 'warning' });
  expect(message?.title).toBe('Report: 3 runs failed, 1 did not run, 2 incidents');
  expect(lines).toEqual(
    expect.arrayContaining([
      'Backups: 2 made, 2 failed (photos 2 times).',
      'Restore drills: 0 made, 0 failed.',
      'Updates: 0 made, 1 failed (notes).',
      'Restore points: 3 kept, 2 of them not proven by a drill. Of photos no drill has restored any.',
      'Schedules that did not run: backup.notes.',
      'Updates that wait: notes 1.4.2.',
      'Incidents: 2.',
      '- notes, 1m30s: GET /: 502',
      'Uptime of 7d: notes 99.90 %.',
    ]),
  );
  expect(message?.text).toMatch(/\n- host nas, .* and still: away\n/);
  expect(message?.text).toMatch(/\nDestinations: usb [\d.]+ .?i?B free, gone not reached from here: /);
  expect(message?.text).not.toContain('long ago');
});

test('a report that could not be written is written by the next look', async () => {
  await using at = await bed();
  await at.look();
  at.to('2026-06-08T06:00:01Z');
  at.db.sql("CREATE TEMP TRIGGER full BEFORE INSERT ON notifications BEGIN SELECT RAISE(ABORT, 'full'); END").run();

  await expect(at.look()).rejects.toThrow('full');
  at.db.sql('DROP TRIGGER full').run();

  expect(await at.look()).toBe(true);
  expect(at.messages()).toHaveLength(2);
});
