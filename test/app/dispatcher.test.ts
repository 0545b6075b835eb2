/** The outbox and what empties it: nothing is lost, nothing is hammered, nobody is told the same thing all night. */
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { announceRun } from '#app/announce.ts';
import { channelLines } from '#app/channels.ts';
import { dispatch } from '#app/dispatcher.ts';
import type { NotificationRoute } from '#config/types.ts';
import type { RunDetail } from '#engine/run.ts';
import type { JsonObject } from '#kernel/json.ts';
import { openDatabase } from '#store/database.ts';
import { createOutbox, createOutboxLog } from '#store/outbox.ts';
import { runDetail } from '#test/cli/scripted-controller.ts';
import { configOf } from '#test/cli/stage.ts';
import { silent } from '#test/support/engine.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

const START = new Date('2026-06-01T12:00:00Z');
const MINUTE = 60_000;

interface Bed extends AsyncDisposable {
  end(run: Partial<RunDetail>): void;
  /** Lets the dispatcher run until the condition holds. */
  dispatchUntil(what: string, holds: () => boolean): Promise<void>;
  /** Lets the dispatcher look at everything that is due now. */
  dispatchAll(): Promise<void>;
  pass(ms: number): void;
  sent: { channel: string; title: string; text: string }[];
  states(): string[];
  log: ReturnType<typeof createOutboxLog>;
  answer(answer: () => JsonObject): void;
  /** Stops the dispatcher while a channel still works on its message. */
  cutOff(): Promise<void>;
}

async function bed(routes: Partial<NotificationRoute>[] = [{}]): Promise<Bed> {
  const dir = await tempDir();
  const db = openDatabase(join(dir.path, 'state.db'));
  let time = START.getTime();
  let reply: () => JsonObject = () => ({ delivered: true, detail: 'ok' });
  const now = () => new Date(time);
  const outbox = createOutbox(db, { now });
  const log = createOutboxLog(db);
  const sent: Bed['sent'] = [];
  let hanging: PromiseWithResolvers<void> | undefined;
  const standard = { events: ['*'], services: null, channels: ['chat'], quietHours: null };
  const full = routes.map((route) => ({ ...standard, ...route }));
  const channels = ['chat', 'mail'].map((name) => ({ name, type: 'webhook', config: {} }));
  const config = configOf({ notifications: { cooldownMs: 30 * MINUTE, channels, routes: full, report: null } });
  const performer = {
    perform: async () => ({}),
    act: async ({ plugin, input }: { plugin: { name: string }; input: JsonObject }, signal: AbortSignal) => {
      if (hanging !== undefined) {
        hanging.resolve();
        await once(signal, 'abort');
        signal.throwIfAborted();
      }
      const { title = '', text = '' } = input['message'] as Record<string, string>;
      const output = reply();
      if (output['delivered'] === true) sent.push({ channel: plugin.name, title, text });
      return output;
    },
    [Symbol.asyncDispose]: async () => {},
  };
  const ports = { config, outbox, lines: channelLines(config, performer), log: silent, now };
  const dispatchUntil = async (what: string, holds: () => boolean) => {
    const stop = new AbortController();
    const running = dispatch(ports, stop.signal);
    try {
      await eventually(what, holds);
    } finally {
      stop.abort();
      await running;
    }
  };
  let count = 0;
  return {
    sent,
    log,
    dispatchUntil,
    dispatchAll: () => dispatchUntil('one look', () => true),
    async cutOff() {
      hanging = Promise.withResolvers();
      const stop = new AbortController();
      const running = dispatch(ports, stop.signal);
      await hanging.promise;
      stop.abort();
      await running;
      hanging = undefined;
    },
    pass: (ms) => {
      time += ms;
    },
    answer: (answer) => {
      reply = answer;
    },
    states: () => log.entries(100).map(({ channel, status }) => `${channel} ${status}`),
    end: (more) => {
      count += 1;
      const run = runDetail({ id: `run${count}`.padEnd(12, 'x'), finishedAt: now().toISOString(), ...more });
      announceRun(run.id, { config, history: { run: () => run }, outbox }, now());
    },
    async [Symbol.asyncDispose]() {
      db[Symbol.dispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

const failed = { status: 'failed' } as const;

describe('the outbox', () => {
  test('tells every channel of a route, and is empty then', async () => {
    await using at = await bed([{ channels: ['chat', 'mail'] }]);
    at.end(failed);

    await at.dispatchUntil('both are sent', () => at.sent.length === 2);

    expect(at.sent.map(({ channel, title }) => `${channel}: ${title}`).sort()).toEqual([
      'chat: backup notes failed',
      'mail: backup notes failed',
    ]);
    expect(at.states()).toEqual(['mail sent', 'chat sent']);
  });

  test('keeps a message whose channel is away, tries less and less often, and delivers it in the end', async () => {
    await using at = await bed();
    at.answer(() => ({ delivered: false, detail: 'refused' }));
    at.end(failed);
    await at.dispatchAll();
    const first = at.log.troubled();

    at.answer(() => ({ delivered: true, detail: 'ok' }));
    at.pass(5_000);
    await at.dispatchAll();

    expect(first).toMatchObject([{ name: 'chat', failures: 1, nextTryAt: '2026-06-01T12:00:05.000Z' }]);
    expect(at.log.entries(1)).toMatchObject([{ status: 'sent', attempts: 2, detail: 'ok' }]);
    expect(at.log.troubled()).toEqual([]);
  });

  test('waits as long as the other side asked, also when the controller is started anew', async () => {
    await using at = await bed();
    let asked = 0;
    at.answer(() => {
      asked += 1;
      return { delivered: false, detail: 'slow down', refused: 'busy', retryAfterMs: 90_000 };
    });
    at.end(failed);
    await at.dispatchAll();

    at.pass(89_000);
    await at.dispatchAll();
    expect(asked).toBe(1);
    at.pass(1_000);
    await at.dispatchAll();

    expect(asked).toBe(2);
  });

  test('asks a channel that is gone once, not once for each message; after a new start they arrive', async () => {
    await using at = await bed();
    let asked = 0;
    at.answer(() => {
      asked += 1;
      return { delivered: false, detail: 'Unknown Webhook', refused: 'channel' };
    });
    at.end({ ...failed, service: 'notes' });
    at.end({ ...failed, service: 'photos' });
    await at.dispatchUntil('it was asked', () => asked > 0);
    expect(asked).toBe(1);
    expect(at.log.troubled()).toMatchObject([
      { name: 'chat', lockedAt: START.toISOString(), reason: 'Unknown Webhook' },
    ]);

    at.answer(() => ({ delivered: true, detail: 'ok' }));
    await at.dispatchUntil('both are sent', () => at.sent.length === 2);

    expect(at.states()).toEqual(['chat sent', 'chat sent']);
  });

  test('keeps a message that is refused for good among the dead, and goes on with the next', async () => {
    await using at = await bed();
    const answers = [{ delivered: false, detail: 'too long', refused: 'message' }];
    at.answer(() => answers.shift() ?? { delivered: true, detail: 'ok' });
    at.end({ ...failed, service: 'notes' });
    at.end({ ...failed, service: 'photos' });

    await at.dispatchUntil('the second is sent', () => at.sent.length === 1);

    expect(at.states()).toEqual(['chat sent', 'chat dead']);
    expect(at.log.entries(2).at(-1)).toMatchObject({ detail: 'too long', attempts: 1 });
  });

  test('gives up what nobody took for three days, and says what stood in the way', async () => {
    await using at = await bed();
    at.answer(() => ({ delivered: false, detail: 'no route to host' }));
    at.end(failed);
    await at.dispatchAll();

    at.pass(3 * 86_400_000 + 1);
    await at.dispatchAll();

    expect(at.log.entries(1)).toMatchObject([{ status: 'dead', detail: 'given up: no route to host' }]);
  });

  test('takes what a plugin throws for a reason to wait', async () => {
    await using at = await bed();
    at.answer(() => {
      throw new Error('connection reset');
    });
    at.end(failed);

    await at.dispatchAll();

    expect(at.log.entries(1)).toMatchObject([{ status: 'waiting', attempts: 1, detail: 'connection reset' }]);
  });

  test('sends again what was cut off in the middle, for nobody knows whether it arrived', async () => {
    await using at = await bed();
    at.answer(() => ({ delivered: true, detail: 'ok' }));
    at.end(failed);
    await at.cutOff();
    expect(at.states()).toEqual(['chat waiting']);

    await at.dispatchUntil('it is sent', () => at.sent.length === 1);

    expect(at.log.entries(1)).toMatchObject([{ status: 'sent', attempts: 1 }]);
  });

  test('is given the same end of a run once, however often it is told', async () => {
    await using at = await bed();
    at.end({ ...failed, id: 'b7k2mnpqrstv' });
    at.pass(31 * MINUTE);
    at.end({ ...failed, id: 'b7k2mnpqrstv' });

    expect(at.states()).toEqual(['chat waiting']);
  });
});

describe('a service that fails again and again', () => {
  test('is told once in the cooldown; then with the number of those that were held back', async () => {
    await using at = await bed();
    for (let minute = 0; minute <= 30; minute += 10) {
      at.end(failed);
      at.pass(10 * MINUTE);
    }

    await at.dispatchUntil('two are sent', () => at.sent.length === 2);

    expect(at.states()).toEqual(['chat sent', 'chat held', 'chat held', 'chat sent']);
    expect(at.sent[1]?.text).toContain('2 more of these were held back since 2026-06-01 12:00:00');
  });

  test('holds back no other service, and no other event', async () => {
    await using at = await bed();
    at.end(failed);
    at.end({ ...failed, service: 'photos' });
    at.end({ status: 'succeeded' });

    expect(at.states()).toEqual(['chat waiting', 'chat waiting', 'chat waiting']);
  });
});

describe('quiet hours', () => {
  const quietHours = { hour: 12, minute: 0, durationMs: 60 * MINUTE };

  test('end in one message', async () => {
    await using at = await bed([{ quietHours }]);
    at.end(failed);
    at.pass(10 * MINUTE);
    at.end({ status: 'succeeded', service: 'photos' });
    await at.dispatchAll();
    expect(at.sent).toEqual([]);

    at.pass(50 * MINUTE);
    await at.dispatchUntil('the digest is sent', () => at.sent.length === 1);

    expect(at.sent[0]).toMatchObject({
      title: '2 messages from quiet hours',
      text: expect.stringMatching(/backup notes failed \(.*\nbackup photos succeeded \(/),
    });
    expect(at.states()).toEqual(['chat sent', 'chat digested', 'chat digested']);
  });

  test('with one message in them end in that message', async () => {
    await using at = await bed([{ quietHours }]);
    at.end(failed);

    at.pass(60 * MINUTE);
    await at.dispatchUntil('it is sent', () => at.sent.length === 1);

    expect(at.sent).toMatchObject([{ title: 'backup notes failed' }]);
  });
});
