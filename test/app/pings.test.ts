/** Dead-man's switches: what is told of a scheduled run, to a real web server, whatever that answers. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { dispatch } from '#app/dispatcher.ts';
import { createPinger } from '#app/pinger.ts';
import { checkPing, pingLines } from '#app/pings.ts';
import { pingsOf } from '#app/schedules.ts';
import type { RunDetail } from '#engine/run.ts';
import { createCatalog } from '#host/catalog.ts';
import { openDatabase } from '#store/database.ts';
import { createHistory } from '#store/history.ts';
import { createJournal } from '#store/journal.ts';
import { createOutbox, createOutboxLog } from '#store/outbox.ts';
import { runDetail } from '#test/cli/scripted-controller.ts';
import { configOf, serviceNamed } from '#test/cli/stage.ts';
import { silent } from '#test/support/engine.ts';
import { type Reply, startServer } from '#test/support/http.ts';
import { planOf, step } from '#test/support/plans.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

const START = Date.parse('2026-06-01T12:00:00Z');

interface Wish {
  /** Of the address behind the server's, as the secret's file holds it. */
  path?: string;
  services?: string[];
  allowPrivate?: boolean;
}

async function bed({ path = '/hc', services = ['notes'], allowPrivate = true }: Wish = {}) {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir());
  let reply: Reply = { status: 200, body: 'OK' };
  const server = stack.use(await startServer(() => reply));
  const file = join(dir.path, 'ping-url');
  await writeFile(file, `${server.url}${path}\n`);
  await chmod(file, 0o600);
  const url = { $secret: { path: 'backup.ping.url', source: { from: 'file' as const, file } } };
  const base = configOf({
    services: services.map((name) => {
      const plain = serviceNamed(name);
      return plain.backup === null ? plain : { ...plain, backup: { ...plain.backup, ping: { url, allowPrivate } } };
    }),
  });
  const config = { ...base, global: { ...base.global, stateDir: dir.path } };
  const settings = { config, catalog: createCatalog([]), problems: [] };
  const db = stack.use(openDatabase(join(dir.path, 'state.db')));
  let time = START;
  const now = () => new Date(time);
  const outbox = createOutbox(db, { now });
  const log = createOutboxLog(db);
  let run: RunDetail = runDetail();
  const pinger = createPinger({ config, history: { run: () => run }, outbox, now });
  const scheduled = (more: Partial<RunDetail>) => {
    run = runDetail({ schedule: `backup.${more.service ?? 'notes'}`, ...more });
  };
  const owned = stack.move();
  return {
    settings,
    db,
    outbox,
    asked: () => server.asked.map(({ method, path: asked }) => `${method} ${asked}`),
    bodies: () => server.asked.map(({ body }) => body),
    states: () => log.entries(20).map(({ message, status }) => `${message.event} ${status}`),
    troubled: () => log.troubled(),
    details: () => log.entries(20).map(({ detail }) => detail),
    answer: (answer: Reply) => {
      reply = answer;
    },
    pass: (ms: number) => {
      time += ms;
    },
    start: (more: Partial<RunDetail> = {}) => {
      scheduled({ status: 'running', ...more });
      pinger.started('id');
    },
    end: (more: Partial<RunDetail> = {}) => {
      scheduled(more);
      pinger.ended('id');
    },
    async dispatchUntil(what: string, holds: () => boolean) {
      const stop = new AbortController();
      const running = dispatch({ config, outbox, lines: pingLines(settings), log: silent, now }, stop.signal);
      try {
        await eventually(what, holds);
      } finally {
        stop.abort();
        await running;
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

describe('what is told', () => {
  test('is the start and the success of a run, in order, and neither reasons nor paths', async () => {
    await using at = await bed();
    at.start();
    at.end();

    await at.dispatchUntil('both are told', () => at.asked().length === 2);

    expect(at.asked()).toEqual(['POST /hc/start', 'POST /hc']);
    expect(at.bodies()).toEqual(['backup notes started (run b7k2)', 'backup notes succeeded (run b7k2)']);
    expect(at.states()).toEqual(['ping_success sent', 'ping_start sent']);
  });

  test.each(['failed', 'rolled_back', 'needs_attention'] as const)(
    'is a failure, when it ends as %s',
    async (status) => {
      await using at = await bed({ path: '/hc/?create=1' });
      at.end({ status, reason: 'secret reason' });

      await at.dispatchUntil('it is told', () => at.asked().length === 1);

      expect(at.asked()).toEqual(['POST /hc/fail?create=1']);
      expect(at.bodies()[0]).not.toContain('secret reason');
    },
  );

  test.each([
    ['of a run that a person asked for', { schedule: null }],
    ['of one that a person cancelled', { status: 'cancelled' as const }],
    ['of one that was not let begin', { status: 'skipped' as const, startedAt: null }],
    ['of a schedule that has no switch', { schedule: 'update.notes' }],
  ])('is nothing, %s', async (_, more) => {
    await using at = await bed();

    at.end(more);

    expect(at.states()).toEqual([]);
  });

  test('is a success, when a run found nothing to do', async () => {
    await using at = await bed();

    at.end({ status: 'skipped' });

    expect(at.states()).toEqual(['ping_success waiting']);
  });

  test('goes to a check of each service, where the address of all says {{service}}', async () => {
    await using at = await bed({ path: '/key/{{service}}', services: ['notes', 'wiki'] });
    at.end({ id: 'notesrunbcdf' });
    at.end({ id: 'wikirunbcdfg', service: 'wiki' });

    await at.dispatchUntil('both are told', () => at.asked().length === 2);

    expect(at.asked().toSorted()).toEqual(['POST /key/notes', 'POST /key/wiki']);
  });
});

describe('a switch that does not answer', () => {
  test('is tried again, less and less often, and told of the end in the end', async () => {
    await using at = await bed();
    at.answer({ status: 503 });
    at.end();
    await at.dispatchUntil('it was tried', () => at.troubled().length === 1);
    expect(at.asked()).toHaveLength(1);
    at.answer({ status: 200 });

    at.pass(5_000);
    await at.dispatchUntil('it is told', () => at.states()[0] === 'ping_success sent');

    expect(at.asked()).toEqual(['POST /hc', 'POST /hc']);
  });

  test('is not told late of runs that another one has followed: only the newest counts', async () => {
    await using at = await bed();
    at.answer({ status: 503 });
    at.start({ id: 'monday' });
    at.end({ id: 'monday', status: 'failed' });
    await at.dispatchUntil('it was tried', () => at.troubled().length === 1);
    at.start({ id: 'tuesday' });
    at.answer({ status: 200 });

    at.pass(5_000);
    await at.dispatchUntil('the start is told', () => at.states()[0] === 'ping_start sent');

    expect(at.states()).toEqual(['ping_start sent', 'ping_fail held', 'ping_start held']);
    expect(at.details()[1]).toBe('a later run is told of instead');
  });

  test.each([
    ['is gone', { status: 404 }],
    ['does not exist, as Healthchecks says it', { status: 200, body: 'OK (not found)' }],
  ])('because it %s is not asked again', async (_, reply) => {
    await using at = await bed();
    at.answer(reply);
    at.start();
    at.end();

    await at.dispatchUntil('it is closed', () => at.troubled()[0]?.lockedAt != null);

    expect(at.asked()).toHaveLength(1);
    expect(at.states()).toEqual(['ping_success waiting', 'ping_start waiting']);
  });

  test('because it was asked too often is asked a minute later', async () => {
    await using at = await bed();
    at.answer({ status: 200, body: 'OK (rate limited)' });
    at.end();

    await at.dispatchUntil('it waits', () => at.troubled().length === 1);

    expect(at.troubled()).toMatchObject([{ nextTryAt: '2026-06-01T12:01:00.000Z', lockedAt: null }]);
  });
});

describe('what is wrong with an address', () => {
  const refusal = async (wish: Wish) => {
    await using at = await bed(wish);
    const [pinged] = pingsOf(at.settings.config);
    if (pinged === undefined) throw new Error('there is a ping');
    const check = checkPing(at.settings, pinged, new AbortController().signal);
    const said = await check.then(
      (detail) => detail,
      (error: unknown) => String(error),
    );
    return { said, asked: at.asked() };
  };

  test('is told by the doctor, which asks nobody: an answer would be a success', async () => {
    const good = await refusal({});
    const inside = await refusal({ allowPrivate: false });
    const shared = await refusal({ services: ['notes', 'wiki'] });

    expect(good).toMatchObject({ said: expect.stringContaining('it was not asked'), asked: [] });
    expect(inside).toMatchObject({ said: expect.stringContaining('ping backup.notes: 127.0.0.1'), asked: [] });
    expect(shared).toMatchObject({ said: expect.stringContaining('2 schedules would share one check'), asked: [] });
  });

  test('keeps a ping waiting, with the reason, and the path of the address in nobody’s log', async () => {
    await using at = await bed({ path: '/secret-path', allowPrivate: false });
    at.end();

    await at.dispatchUntil('it was tried', () => at.troubled().length === 1);

    expect(at.asked()).toEqual([]);
    expect(JSON.stringify(at.troubled())).toContain('not reached by https');
    expect(JSON.stringify([at.troubled(), at.details()])).not.toContain('secret-path');
  });
});

test('the start of a run and the ping that tells of it are written together, or neither', async () => {
  await using at = await bed();
  const now = () => new Date(START);
  let fails = true;
  const history = createHistory(at.db);
  const pinger = createPinger({ config: at.settings.config, history, outbox: at.outbox, now });
  const journal = createJournal(at.db, {
    now,
    onStarted: (run) => {
      pinger.started(run);
      if (fails) throw new Error('disk full');
    },
  });
  const rest = { input: {}, notBefore: null, retryOf: null, reuse: [] };
  journal.accept({ id: 'bcdfghjkmnpq', plan: planOf(step('a')), schedule: 'backup.notes', ...rest });

  expect(() => journal.admit({ atOnce: new Map() })).toThrow('disk full');
  expect([history.run('bcdfghjkmnpq').status, at.states()]).toEqual(['queued', []]);
  fails = false;
  journal.admit({ atOnce: new Map() });

  expect([history.run('bcdfghjkmnpq').status, at.states()]).toEqual(['running', ['ping_start waiting']]);
});
