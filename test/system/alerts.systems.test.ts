/** Dead-man's switches, heartbeats and reports with real processes: told outside and in, whatever is killed on the way. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readDatabase } from '#store/database.ts';
import { createOutboxLog } from '#store/outbox.ts';
import type { TestHomelab } from '#test/support/homelab.ts';
import { startHomelab } from '#test/support/homelab.ts';
import { type Reply, startServer, type TestServer } from '#test/support/http.ts';
import { hasTool, needs } from '#test/support/needs.ts';
import { eventually } from '#test/support/wait.ts';

const CONFIG = `version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations:
  usb: { type: local, path: DIR/usb }
backup:
  destinations: [usb]
  ping: { url_file: DIR/ping-url, allow_private: true }
monitoring: { interval: 1s, timeout: 1s }
notifications:
  channels:
    hook: { type: webhook, webhook_url: "URL/hook", allow_private: true }
  routes: [{ events: [service_down, service_recovered], channels: [hook] }]
  report: { schedule: "*/5 * * * * *", channels: [hook] }
services:
  - name: notes
    type: generic
    backup: { paths: [DIR/data], schedule: { cron: "*/3 * * * * *" } }
  - name: gone
    type: generic
    backup: { paths: [DIR/no-such-data], schedule: { cron: "*/3 * * * * *" } }
  - name: offsite
    type: generic
    monitor: [{ type: heartbeat, name: offsite-copy, every: 4s }]
`;

let server: TestServer | undefined;
let lab: TestHomelab | undefined;
let reply: Reply = { status: 503 };

beforeAll(async () => {
  if (!hasTool('redis-server')) return;
  server = await startServer(({ path }) => (path.startsWith('/ping') ? reply : { status: 200 }));
  lab = await startHomelab(CONFIG.replaceAll('URL', server.url));
  await lab.write('data/a.txt', 'one');
  await lab.write('ping-url', `${server.url}/ping/{{service}}?create=1\n`);
  await lab.start(['up', '--port', '0']);
});
beforeEach((context) => needs(context, 'redis-server'));
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

const pings = () => server?.asked.map(({ path }) => path).filter((path) => path.startsWith('/ping')) ?? [];
const told = () =>
  server?.asked.flatMap(({ path, body }) => (path === '/hook' ? [JSON.parse(body) as { event: string }] : [])) ?? [];
const events = () => told().map(({ event }) => event);

test('a switch that is away holds up no run, and is told of the start and the end of each run when it is back', async () => {
  await eventually('runs end although the switch is away', () => {
    using db = readDatabase(join(lab?.dir ?? '', 'state', 'state.db'));
    const log = createOutboxLog(db).entries(1_000);
    return log.filter(({ message }) => message.event === 'ping_success').length > 1;
  });
  const during = pings().length;

  const pid = Number(await readFile(join(lab?.dir ?? '', 'state', 'controller.pid'), 'utf8'));
  process.kill(pid, 'SIGKILL');
  reply = { status: 200, body: 'OK' };
  const after = pings().length;
  await eventually('both services are told of', () => {
    const fresh = new Set(pings().slice(after));
    const wanted = ['notes/start', 'notes', 'gone/start', 'gone/fail'].map((path) => `/ping/${path}?create=1`);
    return wanted.every((path) => fresh.has(path));
  });

  // Asked once a back-off and not once a message: two services, a few seconds.
  expect(during).toBeLessThan(10);
  expect(pings()).not.toContain('/ping/notes/fail?create=1');
  expect(pings()).not.toContain('/ping/gone?create=1');
});

test('the address of a switch is in no log and no list', async () => {
  const log = await lab?.cli(['notify', 'log', '--limit', '1000', '--json']);
  const shown = await lab?.cli(['config', 'show']);
  const folder = join(lab?.dir ?? '', 'log');
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.log'));
  const logs = (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).join('');

  expect(log?.stdout).toContain('ping backup.notes');
  expect(logs).toContain('ping backup.notes');
  expect(`${log?.stdout}${logs}`).not.toContain('/ping/');
  expect(shown?.stdout).toContain('url_file');
});

test('what must report and does not is told once; it is told again when it reports', async () => {
  await eventually('its silence is told', () => events().includes('service_down'));
  const before = told().filter(({ event }) => event === 'service_down');

  const beat = await lab?.cli(['beat', 'offsite-copy']);
  await eventually('its return is told', () => events().includes('service_recovered'));
  const unknown = await lab?.cli(['beat', 'offsite-coppy']);

  expect(beat).toMatchObject({ status: 0, stdout: '', stderr: '' });
  expect(before).toMatchObject([
    { title: 'offsite is down', text: expect.stringContaining('it has not reported for') },
  ]);
  expect(unknown).toMatchObject({ status: 2, stderr: expect.stringContaining('Did you mean "offsite-copy"?') });
});

test('the report comes by its schedule, each slot once', async () => {
  // What was on its way when the controller was killed may have come twice, with one id.
  const before = told().length;
  const reports = await eventually('two reports', () => {
    const all = told()
      .slice(before)
      .filter(({ event }) => event === 'report');
    return all.length > 1 ? (all as { id: string; text: string; event: string }[]) : undefined;
  });

  expect(new Set(reports.map(({ id }) => id)).size).toBe(reports.length);
  expect(reports.map(({ text }) => text).join('\n')).toMatch(/Backups: [1-9]\d* made, [1-9]\d* failed \(gone/);
});
