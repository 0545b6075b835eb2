/** What the command line shows of monitoring. */
import { expect, test } from 'vitest';
import type { AskedCheck } from '#app/ask-checks.ts';
import type { HealthView, IncidentView, ServiceHealth } from '#app/health-view.ts';
import { NOW, serviceNamed, stage } from '#test/cli/stage.ts';

const UPTIME = { '24h': 1, '7d': 0.99996, '30d': 0.9951, '365d': null };

const INCIDENT: IncidentView = {
  id: 'i1',
  subject: 'service:paperless',
  startedAt: '2026-03-01T02:30:00.000Z',
  endedAt: null,
  cause: 'GET http://127.0.0.1:8000/: connection refused',
  root: 'service:notes',
  run: 'k7xqabcdefgh',
  toldAt: null,
  restarts: [],
  gaveUpAt: null,
};

const up: ServiceHealth = { state: 'up', detail: '', since: null, uptime: UPTIME };
const down: ServiceHealth = { ...up, state: 'down', detail: INCIDENT.cause, since: INCIDENT.startedAt };

function healthOf(more: Partial<HealthView> = {}): HealthView {
  return {
    service: (name) => (name === 'paperless' ? down : up),
    checks: () => [],
    incidents: () => [INCIDENT],
    [Symbol.dispose]: () => undefined,
    ...more,
  };
}

const answer = (more: Partial<AskedCheck> = {}): AskedCheck => ({
  service: 'notes',
  host: 'nas',
  check: 'notes/http-abcd',
  external: false,
  asked: 'GET http://127.0.0.1/',
  state: 'good',
  detail: 'answered 200',
  tookMs: 12,
  heartbeat: null,
  ...more,
});

test('check ends well only when every check is good', async () => {
  const ending = async (...checks: AskedCheck[]) =>
    (await stage({ rooms: { askChecks: async () => checks } }).run('check')).status;

  expect(await ending(answer())).toBe(0);
  expect(await ending(answer(), answer({ state: 'bad', detail: 'answered 502' }))).toBe(1);
  expect(await ending(answer({ state: 'unknown', detail: 'nas has no worker that answers' }))).toBe(1);
});

test('check asks for the services that are named, and shows what each answered', async () => {
  const asked: (readonly string[])[] = [];
  const askChecks = async (_settings: unknown, { services }: { services: readonly string[] }) => {
    asked.push(services);
    return [answer({ state: 'bad', detail: 'answered 502' })];
  };

  const { stdout } = await stage({ rooms: { askChecks } }).run('check', 'notes');

  expect(asked).toEqual([['notes']]);
  expect(stdout).toMatch(/notes +nas +bad +12 ms +GET http:\/\/127.0.0.1\/ +answered 502/);
});

test('check says so when Redis is away', async () => {
  const { status, stderr } = await stage().run('check');

  expect(status).toBe(3);
  expect(stderr).toContain('cannot reach Redis');
});

test('status tells on one page what is down and why, and what is next', async () => {
  const forecast = async () => [];
  const { stdout, status } = await stage({ rooms: { openHealth: async () => healthOf(), forecast } }).run('status');

  expect(status).toBe(0);
  expect(stdout).toContain('2 services: 1 up, 1 down');
  expect(stdout).toMatch(/paperless +02:30, still so \(30 min\): GET .* because of notes, during or after run k7xq/);
  expect(stdout).toContain('no run ended');
  expect(stdout).toContain('nothing is due in the next 24 hours');
});

test('status works before anything ever ran', async () => {
  const { stdout, status } = await stage({ rooms: { forecast: async () => [] } }).run('status', '--json');

  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ services: { total: 2, watched: 0 }, incidents: [], running: [] });
});

test('services show tells of uptime, and never rounds it up to a hundred', async () => {
  const rooms = { openHealth: async () => healthOf(), findService: async () => serviceNamed('paperless') };

  const { stdout } = await stage({ rooms }).run('services', 'show', 'paperless');

  expect(stdout).toContain('uptime   24h 100 %   7d 99.99 %   30d 99.51 %   365d –');
  expect(stdout).toMatch(/state +down since 02:30: GET http/);
});

test('services show names what a service needs, its checks and their response times', async () => {
  const checks: HealthView['checks'] = () => [
    {
      id: 'notes/http-abcd',
      external: true,
      host: 'nas',
      state: 'up',
      asked: 'GET https://notes.example.org/',
      detail: 'answered 200',
      at: NOW.toISOString(),
      planned: false,
      tookMs: 20,
      responseTimes: { p50: 20, p95: 50, p99: 210 },
    },
  ];
  const rooms = {
    openHealth: async () => healthOf({ checks, incidents: () => [] }),
    findService: async () => serviceNamed('notes', { dependsOn: ['caddy'] }),
  };

  const { stdout } = await stage({ rooms }).run('services', 'show', 'notes');

  expect(stdout).toContain('needs    caddy');
  expect(stdout).toMatch(/up +03:00 +20 ms +50 ms +210 ms +GET https:\/\/notes.example.org\/ \(from outside\)/);
});

test('the state of a service is what its checks say, not what its plugin says', async () => {
  const rooms = {
    openHealth: async () => healthOf(),
    openBackups: async (): Promise<never> => {
      throw new Error('away');
    },
    serviceState: async () => ({ state: 'up' as const, version: '2.1', detail: '' }),
  };

  const { stdout } = await stage({ rooms }).run('services', '--json');

  expect(JSON.parse(stdout).services).toMatchObject([
    { name: 'notes', state: 'up', watched: true, version: '2.1' },
    { name: 'paperless', state: 'down', detail: INCIDENT.cause, uptime: { '30d': 0.9951 } },
  ]);
});
