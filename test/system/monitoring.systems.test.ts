/** Monitoring as the owner of a homelab sees it: what breaks is told once, and what we stop ourselves is not. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CheckState } from '#monitor/judge.ts';
import type { Incident } from '#monitor/world.ts';
import { readDatabase } from '#store/database.ts';
import { createHealthLog } from '#store/health-log.ts';
import { createOutboxLog } from '#store/outbox.ts';
import type { Started, TestHomelab } from '#test/support/homelab.ts';
import { startHomelab } from '#test/support/homelab.ts';
import { eventually } from '#test/support/wait.ts';

/** The service is down for several checks: the time passes after it was stopped, not before. */
const CONFIG = `version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
hosts: { there: {} }
destinations:
  usb: { type: local, path: DIR/usb }
notifications:
  cooldown: 0s
  channels:
    hook: { type: webhook, webhook_url: "http://127.0.0.1:9/", allow_private: true }
  routes: [{ events: ["service_*", "external_*"], channels: [hook] }]
monitoring: { interval: 1s, failure_threshold: 2, success_threshold: 2, resources: { disk_used_percent: 100 } }
services:
  - name: notes
    type: generic
    backup:
      paths: [DIR/data]
      destinations: [usb]
      quiesce: { stop: [[sh, DIR/service.sh, stop], [sleep, "5"]], start: [[sh, DIR/service.sh, start]] }
    validate: [{ type: command, command: [grep, -q, up, DIR/service.state] }]
  - name: wiki
    type: generic
    depends_on: [notes]
    monitor: [{ type: command, command: [grep, -q, up, DIR/service.state] }]
  - name: web
    type: generic
    monitor: [{ type: http, url: "http://127.0.0.1:PORT/" }]
  - name: page
    type: generic
    depends_on: [web]
    monitor: [{ type: http, url: "http://127.0.0.1:PORT/page" }]
  - { name: afar, type: generic, host: there, monitor: [{ type: tcp, port: 9 }] }
`;

const SERVICE = 'case $1 in stop) echo down > DIR/service.state ;; start) echo up > DIR/service.state ;; esac\n';

let lab: TestHomelab;
let stack: Started;
let web: Server;
let port = 0;

beforeAll(async () => {
  web = await serve(0);
  ({ port } = web.address() as AddressInfo);
  lab = await startHomelab(CONFIG.replaceAll('PORT', String(port)));
  await lab.write('service.sh', SERVICE.replaceAll('DIR', lab.dir));
  await lab.write('service.state', 'up\n');
  await lab.write('data/a.txt', 'one');
  stack = await lab.start(['up', '--port', '0']);
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  web.closeAllConnections();
  web.close();
});

async function serve(at: number): Promise<Server> {
  const server = createServer((_request, response) => response.end('here'));
  await new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve));
  return server;
}

function health(): { states: Map<string, CheckState>; incidents: Incident[]; told: string[] } {
  using db = readDatabase(join(lab.dir, 'state', 'state.db'));
  const log = createHealthLog(db);
  const told = createOutboxLog(db)
    .entries(100)
    .map(({ message }) => `${message.event} ${message.service}`);
  return { states: log.states(), incidents: log.incidents({ limit: 100 }), told: told.toReversed() };
}

const answersOf = (service: string) =>
  [...health().states].filter(([key]) => key.startsWith(`${service}/`)).map(([, state]) => state);

test('each check is made by the worker of its host, and known to be good', async () => {
  await eventually('all services of this host are up', () =>
    ['notes', 'wiki', 'web', 'page'].every((name) => answersOf(name).some(({ state }) => state === 'up')),
  );

  expect(answersOf('afar')).toEqual([]);
});

test('check asks the workers now; what nobody can ask is told, and is not good', async () => {
  const good = await lab.cli(['check', 'web', 'notes', '--json']);
  const away = await lab.cli(['check', 'afar', '--json']);

  expect(good.status).toBe(0);
  expect(JSON.parse(good.stdout).checks).toMatchObject([
    { service: 'web', state: 'good', detail: 'answered 200' },
    { service: 'notes', state: 'good' },
  ]);
  expect(away.status).toBe(1);
  expect(JSON.parse(away.stdout).checks).toMatchObject([{ service: 'afar', state: 'unknown', host: 'there' }]);
});

test('services and status tell what is known', async () => {
  const services = await lab.cli(['services', '--json']);
  const status = await lab.cli(['status', '--json']);

  const states = JSON.parse(services.stdout).services.map((one: { name: string; state: string }) => [
    one.name,
    one.state,
  ]);
  expect(states).toEqual([
    ['notes', 'up'],
    ['wiki', 'up'],
    ['web', 'up'],
    ['page', 'up'],
    ['afar', 'unknown'],
  ]);
  expect(JSON.parse(status.stdout)).toMatchObject({
    services: { watched: 5, up: 4, down: 0, unknown: 1 },
    incidents: [],
  });
});

test('our own backup stops a service for many checks, and nobody is told', async () => {
  let sawItDown = false;
  const watching = setInterval(() => (sawItDown ||= answersOf('notes').some(({ last }) => !last.ok)), 200);

  const run = await lab.backup('notes');

  clearInterval(watching);
  expect(run.status).toBe('succeeded');
  expect(sawItDown).toBe(true);
  await eventually('it answers again', () => answersOf('notes').every(({ last }) => last.ok));
  expect(health()).toMatchObject({ incidents: [], told: [] });
});

test('a service that breaks is told once, those that need it are not, and its return is told', async () => {
  web.closeAllConnections();
  await new Promise((resolve) => web.close(resolve));
  await eventually('web and page have incidents, and web is told', () => {
    const { incidents, told } = health();
    return incidents.length === 2 && told.length === 1;
  });
  web = await serve(port);
  await eventually('both are over', () => health().incidents.every(({ endedAt }) => endedAt !== null));

  const { incidents, told } = health();
  expect(told).toEqual(['service_down web', 'service_recovered web']);
  expect(incidents.find(({ subject }) => subject === 'service:page')).toMatchObject({ root: 'service:web' });
});

test('a controller that was killed goes on where it was, and tells nothing twice', async () => {
  const before = health().told;
  await stack.stop('SIGKILL');
  stack = await lab.start(['up', '--port', '0']);
  const seen = answersOf('notes')[0]?.last.at ?? 0;

  await eventually('answers come in again', () => (answersOf('notes')[0]?.last.at ?? 0) > seen + 3_000);

  expect(health().told).toEqual(before);
});
