/** Restarts as the owner of a homelab sees them: what is down comes back by itself, or a person is called once. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { IncidentView } from '#app/health-view.ts';
import type { RunDetail } from '#engine/run.ts';
import type { Message } from '#sdk/kinds/notification.ts';
import { readDatabase } from '#store/database.ts';
import { createHealthLog } from '#store/health-log.ts';
import { createOutboxLog } from '#store/outbox.ts';
import type { TestHomelab } from '#test/support/homelab.ts';
import { startHomelab } from '#test/support/homelab.ts';
import { processesOf } from '#test/support/processes.ts';
import { eventually } from '#test/support/wait.ts';

const serviceOf = (name: string, more: string) => `
  - name: ${name}
    type: generic
    backup:
      paths: [DIR/${name}]
      destinations: [usb]
      quiesce: { stop: [[sh, DIR/program.sh, DIR/${name}, stop]], start: [[sh, DIR/program.sh, DIR/${name}, start]] }
    validate: [{ type: command, command: [sh, DIR/program.sh, DIR/${name}, health] }]
    ${more}`;

const CONFIG = `version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations:
  usb: { type: local, path: DIR/usb }
notifications:
  cooldown: 0s
  channels:
    hook: { type: webhook, webhook_url: "http://127.0.0.1:9/", allow_private: true }
  routes: [{ events: ["*"], channels: [hook] }]
monitoring: { interval: 1s, failure_threshold: 2, success_threshold: 2, resources: { disk_used_percent: 100 } }
updates: { gate: { timeout: 500ms, stable_for: 0s } }
services:${[
  serviceOf('notes', 'heal: true'),
  serviceOf('stubborn', 'heal: { attempts: 2, backoff: 1s }'),
  serviceOf('base', ''),
  serviceOf('needy', 'depends_on: [base]\n    heal: true'),
  serviceOf('slow', 'heal: { attempts: 1 }'),
  serviceOf('torn', 'heal: { attempts: 1 }'),
].join('')}
`;

/** Works while it is up. One that is broken does not come up; each start is written down, and one may take its time. */
const PROGRAM = `cd "$1" || exit 1
case $2 in
  start) echo started >> ../$(basename "$1").starts; [ ! -e torn ] || sleep 30; [ -e broken ] || echo up > state; [ ! -e slow ] || sleep 30 ;;
  stop) echo down > state ;;
  health) [ "$(cat state)" = up ] ;;
esac
`;

let lab: TestHomelab;

beforeAll(async () => {
  lab = await startHomelab(CONFIG);
  await lab.write('program.sh', PROGRAM);
  for (const name of ['notes', 'stubborn', 'base', 'needy', 'slow', 'torn']) await lab.write(`${name}/state`, 'up\n');
  await lab.start(['up', '--port', '0']);
  await eventually('all are up', async () => {
    const { stdout } = await lab.cli(['status', '--json']);
    return JSON.parse(stdout || '{}').services?.up === 6;
  });
});

afterAll(() => lab[Symbol.asyncDispose]());

const breakIt = (name: string) => lab.write(`${name}/state`, 'down\n');
const stateOf = async (name: string) => (await readFile(join(lab.dir, name, 'state'), 'utf8')).trim();
const startsOf = async (name: string) => {
  const text = await readFile(join(lab.dir, `${name}.starts`), 'utf8').catch(() => '');
  return text.split('\n').length - 1;
};

function told(service: string): Message[] {
  using db = readDatabase(join(lab.dir, 'state', 'state.db'));
  const messages = createOutboxLog(db)
    .entries(100)
    .map(({ message }) => message);
  return messages.filter((message) => message.service === service).toReversed();
}

async function runsOf(service: string): Promise<RunDetail[]> {
  const { stdout } = await lab.cli(['runs', '--service', service, '--workflow', 'heal', '--json']);
  return (JSON.parse(stdout) as { runs: RunDetail[] }).runs.toReversed();
}

async function incidentsOf(service: string): Promise<IncidentView[]> {
  const { stdout } = await lab.cli(['services', 'show', service, '--json']);
  return (JSON.parse(stdout) as { incidents: IncidentView[] }).incidents;
}

test('a service that breaks is restarted, and its return is told with the run that did it', async () => {
  await breakIt('notes');
  await eventually('its return is told', () => told('notes').length === 2);

  const [run] = await runsOf('notes');
  const [incident] = await incidentsOf('notes');
  expect(run).toMatchObject({ status: 'succeeded' });
  expect(incident).toMatchObject({ restarts: [{ run: run?.id, status: 'succeeded' }], gaveUpAt: null });
  expect(told('notes').map(({ event }) => event)).toEqual(['service_down', 'service_recovered']);
  expect(told('notes')[1]?.text).toContain(`We restarted it, in run ${run?.id.slice(0, 4)}.`);
});

test('one that does not come back is restarted as often as is allowed, and then a person is called, once', async () => {
  await lab.write('stubborn/broken', '');
  await breakIt('stubborn');
  await eventually('a person is called', () => told('stubborn').some(({ event }) => event === 'needs_attention'));
  const runs = await runsOf('stubborn');
  using db = readDatabase(join(lab.dir, 'state', 'state.db'));
  const times = () => createHealthLog(db).times('service:stubborn', '24h', Date.now());
  const downMs = times().downMs;
  await eventually('it was asked again since', () => times().downMs > downMs + 3_000);

  expect(runs.map(({ status }) => status)).toEqual(['failed', 'failed']);
  expect(runs).toHaveLength((await runsOf('stubborn')).length);
  expect(times().plannedMs).toBe(0);
  expect(told('stubborn').map(({ event }) => event)).toEqual(['service_down', 'needs_attention']);
  expect(told('stubborn')[1]?.text).toContain('It is left to you: it was restarted 2 times within 1d.');
  expect(await incidentsOf('stubborn')).toMatchObject([{ gaveUpAt: expect.any(String), restarts: [{}, {}] }]);
});

test('a person who has mended it restarts it with the same workflow, by hand', async () => {
  await rm(join(lab.dir, 'stubborn', 'broken'));

  const { status, stdout } = await lab.cli(['enqueue', 'heal', 'stubborn', '--wait', '--json']);
  await eventually('its return is told', () => told('stubborn').at(-1)?.event === 'service_recovered');

  expect(status).toBe(0);
  expect(JSON.parse(stdout).runs).toMatchObject([{ workflow: 'heal', status: 'succeeded' }]);
  expect(await stateOf('stubborn')).toBe('up');
});

test('a service that works is not touched, whoever asks for it', async () => {
  const before = await startsOf('notes');

  const { status, stdout } = await lab.cli(['enqueue', 'heal', 'notes', '--wait', '--json']);

  expect(JSON.parse(stdout).runs).toMatchObject([{ status: 'skipped' }]);
  expect(status).toBe(0);
  expect(await startsOf('notes')).toBe(before);
});

test('a service is not restarted while what it needs is down, and is when that is back', async () => {
  await breakIt('base');
  await breakIt('needy');
  await eventually('base is told', () => told('base').length === 1);
  await eventually(
    'needy has an incident with a root',
    async () => typeof (await incidentsOf('needy'))[0]?.root === 'string',
  );
  const during = await runsOf('needy');

  await lab.write('base/state', 'up\n');
  await eventually('needy is up', async () => (await stateOf('needy')) === 'up');

  expect(during).toEqual([]);
  expect(await runsOf('base')).toEqual([]);
});

test('a restart that is cancelled while the service is stopped starts it, and is not followed by another one', async () => {
  await lab.write('slow/slow', '');
  await breakIt('slow');
  await eventually('it is being started', async () => (await startsOf('slow')) > 0);
  await lab.write('slow/state', 'down\n');
  await rm(join(lab.dir, 'slow', 'slow'));
  const [run] = await runsOf('slow');

  await lab.cli(['runs', 'cancel', run?.id ?? '']);
  await eventually('the run has ended', async () => (await runsOf('slow'))[0]?.status === 'cancelled');

  expect(await stateOf('slow')).toBe('up');
  await eventually('the incident is over', async () => (await incidentsOf('slow'))[0]?.endedAt !== null);
  expect(await runsOf('slow')).toHaveLength(1);
});

test('a worker that is killed between stop and start leaves nothing down: the next one starts it', async () => {
  await lab.write('torn/torn', '');
  await breakIt('torn');
  await eventually('it is being started', async () => (await startsOf('torn')) > 0);
  const worker = (await processesOf(lab.dir)).find(({ command }) => command.includes('workers/service.ts'));
  await rm(join(lab.dir, 'torn', 'torn'));

  if (worker !== undefined) process.kill(worker.pid, 'SIGKILL');
  await eventually('its return is told', () => told('torn').at(-1)?.event === 'service_recovered');

  expect(worker).toBeDefined();
  expect(await stateOf('torn')).toBe('up');
  expect(await runsOf('torn')).toMatchObject([{ status: 'succeeded' }]);
});
