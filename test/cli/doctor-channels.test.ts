/** `doctor` on channels: what their own check says, and what the outbox knows of them. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { channelFindings } from '#cli/doctor/channels.ts';
import { createCatalog } from '#host/catalog.ts';
import { plugin as ntfy } from '#plugins/notifications/ntfy.ts';
import { openDatabase } from '#store/database.ts';
import { createOutbox } from '#store/outbox.ts';
import { configOf } from '#test/cli/stage.ts';
import { MESSAGE } from '#test/plugins/notifications/channel.ts';
import { startServer } from '#test/support/http.ts';
import { tempDir } from '#test/support/tmp.ts';

test('a channel that is closed, or failed of late, is not called good because its server answers', async () => {
  await using dir = await tempDir();
  await using server = await startServer(() => ({ status: 200 }));
  using db = openDatabase(join(dir.path, 'state.db'));
  const outbox = createOutbox(db, { now: () => new Date() });
  const topic = { $secret: { path: 'topic', source: { from: 'command', command: ['printf', 'alerts'] } } };
  const config = { url: server.url, topic, allow_private: true };
  const channels = ['closed', 'late', 'good'].map((name) => ({ name, type: 'ntfy', config }));
  for (const channel of ['closed', 'late']) {
    outbox.add({ channel, status: 'waiting', message: MESSAGE, dueAt: new Date() });
    const entry = outbox.next(channel);
    if (entry === undefined) throw new Error('it waits');
    if (channel === 'closed') outbox.lock(entry, 'answered 410');
    else outbox.failed(entry, { detail: 'answered 503', until: new Date(), asked: false });
  }
  const base = configOf({ notifications: { cooldownMs: 0, channels, routes: [], report: null } });
  const settings = {
    config: { ...base, global: { ...base.global, stateDir: dir.path } },
    catalog: createCatalog([ntfy]),
    problems: [],
  };

  const findings = await channelFindings(settings, new AbortController().signal);

  expect(findings).toMatchObject([
    { check: 'channel closed', status: 'broken', detail: expect.stringContaining('answered 410') },
    { check: 'channel late', status: 'warning', detail: expect.stringContaining('answered 503') },
    { check: 'channel good', status: 'ok' },
  ]);
  expect(findings[0]?.next).toContain('homelab-autopilot notify test');
});
