/** The outbox against vendors that behave as the real ones: a pace that is kept, and a webhook that is gone. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { announceRun } from '#app/announce.ts';
import { channelLines } from '#app/channels.ts';
import { dispatch } from '#app/dispatcher.ts';
import { createPerformer } from '#app/performer.ts';
import { createCatalog } from '#host/catalog.ts';
import { plugin as discord } from '#plugins/notifications/discord.ts';
import { plugin as slack } from '#plugins/notifications/slack.ts';
import { openDatabase } from '#store/database.ts';
import { createOutbox, createOutboxLog } from '#store/outbox.ts';
import { runDetail } from '#test/cli/scripted-controller.ts';
import { configOf } from '#test/cli/stage.ts';
import { known } from '#test/plugins/notifications/channel.ts';
import { startDiscord } from '#test/support/discord.ts';
import { silent } from '#test/support/engine.ts';
import { startSlack } from '#test/support/slack.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

async function bed(type: 'slack' | 'discord', vendor: { webhook: string; url: string }) {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir());
  const db = stack.use(openDatabase(join(dir.path, 'state.db')));
  let passed = 0;
  let looks = 0;
  const now = () => {
    looks += 1;
    return new Date(Date.now() + passed);
  };
  const outbox = createOutbox(db, { now });
  const log = createOutboxLog(db);
  const channel = { name: 'chat', type, config: { webhook_url: known(vendor.webhook), api_base: vendor.url } };
  const routes = [{ events: ['*'], services: null, channels: ['chat'], quietHours: null }];
  const base = configOf({ notifications: { cooldownMs: 0, channels: [channel], routes, report: null } });
  const config = { ...base, global: { ...base.global, stateDir: dir.path } };
  const settings = { config, catalog: createCatalog([slack, discord]), problems: [] };
  const secrets = async () => vendor.webhook;
  const performer = stack.use(createPerformer(settings, { host: 'nas', secrets }));
  for (const [i, service] of ['notes', 'photos', 'wiki'].entries()) {
    const run = runDetail({ id: `run${i}bcdfghjk`, service, status: 'failed' });
    announceRun(run.id, { config, history: { run: () => run }, outbox }, now());
  }
  const stop = new AbortController();
  const running = dispatch({ config, outbox, lines: channelLines(config, performer), log: silent, now }, stop.signal);
  stack.defer(async () => {
    stop.abort();
    await running;
  });
  const owned = stack.move();
  return {
    log,
    /** How often the clock was asked: each look of the dispatcher asks it. */
    looks: () => looks,
    pass: (ms: number) => {
      passed += ms;
    },
    states: () => log.entries(10).map(({ status }) => status),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test('with a vendor that says to wait every message arrives once, in order, and none is pushed before its time', async () => {
  await using vendor = await startSlack({ burst: 0.5 });
  await using at = await bed('slack', vendor);

  await eventually('it was told to wait', () => at.log.troubled().length === 1);
  const before = vendor.asked.length;
  const [state] = at.log.troubled();
  vendor.widen(5);
  at.pass(31_000);
  await eventually('all are sent', () => at.states().every((status) => status === 'sent'));

  expect(before).toBe(1);
  expect(state?.reason).toContain('429');
  expect(vendor.asked.slice(1).map(({ body }) => JSON.parse(body).text)).toEqual([
    'backup notes failed',
    'backup photos failed',
    'backup wiki failed',
  ]);
});

test('a webhook that was deleted is asked once for all the messages that wait for it', async () => {
  await using vendor = await startDiscord();
  vendor.remove();
  await using at = await bed('discord', vendor);

  await eventually('the channel is closed', () => at.log.troubled().length === 1);
  at.pass(86_400_000);
  const before = at.looks();
  // A look asks for what quiet hours have left and for what is due.
  await eventually('it has looked twice more', () => at.looks() >= before + 4);

  expect(vendor.asked).toHaveLength(1);
  expect(at.states()).toEqual(['waiting', 'waiting', 'waiting']);
  expect(at.log.troubled()).toMatchObject([{ reason: 'answered 404: Unknown Webhook (code 10015)' }]);
});
