/** Versions that have come out are told once each, and nobody is asked for them where nobody wants to know. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ServiceUpdates } from '#app/update-check.ts';
import { lookForVersions, watchVersions } from '#app/version-watch.ts';
import { openDatabase } from '#store/database.ts';
import { createOutbox, createOutboxLog } from '#store/outbox.ts';
import { createVersionNews } from '#store/version-news.ts';
import { configOf } from '#test/cli/stage.ts';
import { silent } from '#test/support/engine.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

const DAY = 86_400_000;

function found(service: string, tag: string | null, problem: string | null = null): ServiceUpdates {
  const to = tag === null ? null : { tag, digest: null, createdAt: null, level: 'minor' as const };
  const rest = { why: '', readyAt: null, reason: null, current: { tag: '1', digest: null } };
  const kind = tag === null ? ('up_to_date' as const) : ('held' as const);
  const images = problem === null ? [{ name: 'web', reference: 'r/web', kind, to, ...rest }] : [];
  return { service, host: 'nas', policy: 'manual', images, problem };
}

async function bed(events: string[]) {
  const dir = await tempDir();
  const db = openDatabase(join(dir.path, 'state.db'));
  let time = Date.UTC(2026, 5, 1);
  let services: ServiceUpdates[] = [];
  let asked = 0;
  const now = () => new Date(time);
  const channels = [{ name: 'mail', type: 'email', config: {} }];
  const routes = [{ events, services: null, channels: ['mail'], quietHours: null }];
  const config = configOf({ notifications: { cooldownMs: 0, channels, routes, report: null } });
  const outbox = createOutbox(db, { now });
  const ports = {
    config,
    check: async () => {
      asked += 1;
      return { services, limits: [] };
    },
    news: createVersionNews(db),
    outbox,
    log: silent,
    now,
  };
  const signal = new AbortController().signal;
  return {
    ports,
    asked: () => asked,
    titles: () =>
      createOutboxLog(db)
        .entries(50)
        .map(({ message }) => message.title),
    look: async (afterMs: number, ...these: ServiceUpdates[]) => {
      time += afterMs;
      services = these;
      await lookForVersions(ports, signal);
    },
    async [Symbol.asyncDispose]() {
      db[Symbol.dispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

test('a version is told once, a newer one again, and one that could not be looked for in between is not new', async () => {
  await using at = await bed(['update_available']);

  await at.look(0, found('notes', '1.4.1'), found('wiki', null));
  await at.look(DAY, found('notes', '1.4.1'), found('wiki', null));
  await at.look(DAY, found('notes', null, 'the registry does not answer'), found('wiki', null));
  await at.look(DAY, found('notes', '1.4.1'), found('wiki', null));
  await at.look(DAY, found('notes', '1.4.2'), found('wiki', null));

  expect(at.titles()).toEqual(['notes: 1.4.2 is out', 'notes: 1.4.1 is out']);
});

test('registries are asked once a day, also when the controller is started again and again', async () => {
  await using at = await bed(['update_*']);

  for (let hour = 0; hour < 24; hour++) await at.look(DAY / 24);

  expect(at.asked()).toBe(1);
});

test('without a route that means it, no registry is asked', async () => {
  await using at = await bed(['backup_*']);
  await watchVersions(at.ports, new AbortController().signal);
  expect(at.asked()).toBe(0);

  await using wanted = await bed(['*']);
  const stop = new AbortController();
  const watching = watchVersions(wanted.ports, stop.signal);
  await eventually('it is asked', () => wanted.asked() > 0);
  stop.abort();
  await watching;
});
