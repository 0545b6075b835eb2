/** What is checked, from the configuration. */
import { expect, test } from 'vitest';
import { byHost, checksOfConfig } from '#app/checks.ts';
import { DEFAULT_MONITORING } from '#config/monitoring.ts';
import type { Config, ServiceCheck } from '#config/types.ts';
import type { JsonObject } from '#kernel/json.ts';
import { configOf, serviceNamed } from '#test/cli/stage.ts';

const probed = (probe: JsonObject, more: Partial<ServiceCheck> = {}): ServiceCheck => ({
  probe,
  external: false,
  intervalMs: 60_000,
  failureThreshold: 3,
  successThreshold: 2,
  ...more,
});

const web = probed({ type: 'http', url: 'http://127.0.0.1/', timeout: '5s' });
const mail = probed({ type: 'tcp', port: 25, timeout: '5s' });

const config = (more: Partial<Config> = {}) => configOf({ monitoring: DEFAULT_MONITORING, ...more });
const idsOf = (...checks: ServiceCheck[]) =>
  checksOfConfig(config({ services: [serviceNamed('notes', { checks })] })).map(({ id }) => id);

test('a check keeps its id, and so its history, wherever it stands in the list and however long it may take', () => {
  const one = idsOf(web, mail);
  const other = idsOf(mail, probed({ ...web.probe, timeout: '9s' }, { intervalMs: 5_000 }));

  expect(one.toSorted()).toEqual(other.toSorted());
  expect(idsOf(probed({ ...web.probe, url: 'http://127.0.0.1/other' }))).not.toContain(one[0]);
});

test('a host is watched for what runs on it, and one without checks is told that there are none', () => {
  const services = [serviceNamed('notes', { host: 'docker-1', checks: [web] }), serviceNamed('wiki')];

  const checks = checksOfConfig(config({ services }));

  expect(checks.map(({ subject }) => subject)).toEqual([
    'service:notes',
    'resource:docker-1/disk',
    'resource:docker-1/inodes',
    'resource:docker-1/memory',
  ]);
  expect([...byHost(checks, ['nas', 'docker-1'])].map(([host, all]) => [host, all.length])).toEqual([
    ['nas', 0],
    ['docker-1', 4],
  ]);
});

test('a hypervisor is asked for the guests on it that are watched, by the first host that reaches it', () => {
  const guest = { hypervisor: 'pve', id: '104' };
  const hypervisors = [
    { name: 'pve', type: 'shelf', config: { file: '/x' }, hosts: ['docker-1', 'nas'] },
    { name: 'kvm', type: 'shelf', config: { file: '/y' }, hosts: ['nas'] },
  ];
  const services = [serviceNamed('notes', { guest, checks: [web] })];

  const checks = checksOfConfig(config({ services, hypervisors }));

  expect(checks.filter(({ ask }) => ask.kind === 'hypervisor')).toMatchObject([
    { subject: 'hypervisor:pve', host: 'docker-1' },
  ]);
});

test('nothing is checked when monitoring is turned off', () => {
  const off = configOf({ services: [serviceNamed('notes', { checks: [web] })] });

  expect(checksOfConfig(off)).toEqual([]);
});

test('a heartbeat is no work for a worker, and counts for its service', () => {
  const services = [serviceNamed('notes', { heartbeats: [{ name: 'offsite', everyMs: 86_400_000 }], checks: [web] })];

  const checks = checksOfConfig(config({ services }));

  expect(checks.find(({ ask }) => ask.kind === 'heartbeat')).toMatchObject({
    id: 'heartbeat offsite',
    subject: 'service:notes',
    intervalMs: 60_000,
  });
  expect(
    byHost(checks, ['nas'])
      .get('nas')
      ?.map(({ ask }) => ask.kind),
  ).not.toContain('heartbeat');
});
