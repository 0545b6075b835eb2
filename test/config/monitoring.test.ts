/** What the configuration says of monitoring: defaults, and each check's own words. */
import { expect, test } from 'vitest';
import { formatIssue } from '#config/issues.ts';
import { checked, SOUND } from '#test/config/fixture.ts';

async function configOf(monitoring: string, own: string) {
  const main = `monitoring: ${monitoring}\n${SOUND.replace('type: generic\n', `type: generic\n    ${own}\n`)}`;
  const { config, errors, directory } = await checked(main);
  return { config, told: errors.map((issue) => formatIssue(issue, directory)) };
}

test('a check has what the top level says, and what it says itself goes first', async () => {
  const { config, told } = await configOf(
    '{ interval: 30s, timeout: 5s, failure_threshold: 4 }',
    `monitor:
      - { type: http, url: "http://127.0.0.1/" }
      - { type: tcp, port: 25, interval: 5m, timeout: 20s, failure_threshold: 1, success_threshold: 5 }`,
  );

  expect(told).toEqual([]);
  expect(config?.services[0]?.checks).toMatchObject([
    { probe: { type: 'http', timeout: '5s' }, intervalMs: 30_000, failureThreshold: 4, successThreshold: 2 },
    { probe: { type: 'tcp', timeout: '20s' }, intervalMs: 300_000, failureThreshold: 1, successThreshold: 5 },
  ]);
  expect(config?.services[0]?.checks[1]?.probe).not.toHaveProperty('interval');
});

test('without `monitor`, the probes of `validate` are asked', async () => {
  const { config } = await configOf('{}', 'validate: [{ type: tcp, port: 25 }]');

  expect(config?.services[0]?.checks).toMatchObject([
    { probe: { type: 'tcp', host: '127.0.0.1', port: 25 }, intervalMs: 60_000, failureThreshold: 3 },
  ]);
});

test('an empty `monitor` means that the service is not watched', async () => {
  const { config } = await configOf('{}', 'validate: [{ type: tcp, port: 25 }]\n    monitor: []');

  expect(config?.services[0]?.checks).toEqual([]);
});

test('a check that tells of the world outside is marked', async () => {
  const { config } = await configOf(
    '{ outside: { proxy: "socks5h://vps:1080" } }',
    'monitor: [{ type: tcp, port: 25, external: true }, { type: tcp, port: 26 }, { type: command, command: [x], external: true }]',
  );

  expect(config?.services[0]?.checks.map(({ external }) => external)).toEqual([true, false, true]);
});

test('a heartbeat is none of the checks that are asked', async () => {
  const { config, told } = await configOf(
    '{}',
    'monitor: [{ type: heartbeat, name: offsite, every: 1d2h }, { type: tcp, port: 25 }]',
  );

  expect(told).toEqual([]);
  expect(config?.services[0]).toMatchObject({
    heartbeats: [{ name: 'offsite', everyMs: 93_600_000 }],
    checks: [{ probe: { type: 'tcp' } }],
  });
});

test.each([
  ['{}', 'monitor: [{ type: heartbeat, name: a }]', 'missing key "every"'],
  ['{}', 'monitor: [{ type: heartbeat, name: A B, every: 1h }]', 'services[0].monitor[0].name'],
  ['{}', 'monitor: [{ type: heartbeat, name: a, every: 10ms }]', 'at least 1s'],
  ['{}', 'monitor: [{ type: heartbeat, name: a, every: 1h, interval: 1m }]', 'unknown key "interval"'],
  [
    '{}',
    'monitor: [{ type: heartbeat, name: a, every: 1h }, { type: heartbeat, name: a, every: 2h }]',
    'the heartbeat "a" is configured twice; the other is at',
  ],
  ['{ interval: 10ms }', '', 'monitoring.interval'],
  ['{ failure_threshold: 0 }', '', 'monitoring.failure_threshold'],
  ['{ resources: { disk_used_percent: 101 } }', '', 'monitoring.resources.disk_used_percent'],
  ['{ resources: { disc_used_percent: 90 } }', '', 'did you mean "disk_used_percent"'],
  ['{}', 'monitor: [{ type: htpp, url: x }]', 'services[0].monitor[0].type'],
  ['{}', 'monitor: [{ type: tcp, port: 25, intervall: 5s }]', 'did you mean "interval"'],
  ['{}', 'monitor: [{ type: tcp, port: 25, interval: 5s, timeout: 6s }]', 'longer than the interval'],
])('%s %s is refused with its place', async (monitoring, own, words) => {
  const { told } = await configOf(monitoring, own);

  expect(told).toEqual([expect.stringContaining(words)]);
  expect(told[0]).toMatch(/^homelab-autopilot\.yaml:\d+:\d+ /);
});

const WATCHED = 'validate: [{ type: tcp, port: 25 }]';

test('a service is restarted only when it says so, with words of its own or those that hold for all', async () => {
  const silent = await configOf('{}', WATCHED);
  const plain = await configOf('{}', `${WATCHED}\n    heal: true`);
  const own = await configOf('{}', `${WATCHED}\n    heal: { after: 3m, attempts: 5, backoff: 1h }`);

  const all = [silent, plain, own].map(({ config }) => config?.services[0]?.heal);
  const hour = 3_600_000;
  expect(all).toEqual([
    null,
    { afterMs: 0, attempts: 3, windowMs: 24 * hour, backoffMs: 60_000, maxBackoffMs: hour / 2 },
    { afterMs: 180_000, attempts: 5, windowMs: 24 * hour, backoffMs: hour, maxBackoffMs: hour },
  ]);
});

test('a service that nothing tells to be down is not to be restarted, and that is an error', async () => {
  const { told } = await configOf('{}', 'monitor: [{ type: heartbeat, name: x, every: 1d }]\n    heal: true');

  expect(told.join('')).toContain('nothing tells that it is down: give it "validate:", or probes under "monitor:"');
});

test('a pause that is none, and a key that does not exist, are errors', async () => {
  const { told } = await configOf('{}', `${WATCHED}\n    heal: { backoff: 0s, retries: 3 }`);

  expect(told.join('')).toContain('heal.backoff');
  expect(told.join('')).toContain('retries');
});
