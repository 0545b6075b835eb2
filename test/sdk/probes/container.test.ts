/** The container and log probes, asked of a real Docker engine. */
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Probe, runProbes } from '#sdk/probes.ts';
import { canRunDocker, IMAGE, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import { ask, openTools } from '#test/support/probes.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

let engine: TestEngine;

beforeAll(async () => {
  if (canRunDocker()) engine = await startDocker();
  return async () => engine?.[Symbol.asyncDispose]();
});
afterAll(async () => engine?.clear());

const run = async (name: string, options: string[], script: string) =>
  engine.docker('run', '-d', '--network', 'none', '--name', name, ...options, IMAGE, 'sh', '-c', script);

describe('a container probe', () => {
  beforeEach(needsDocker);

  const container = async (
    name: string,
    more: { state?: 'running' | 'done'; max_restarts?: number; settle?: string } = {},
  ) => ask({ type: 'container', name, socket: engine.socket, ...more });

  test('is good for one that runs, and for a one-shot that has ended with status 0', async () => {
    await run('steady', [], 'sleep 1000');
    await run('job', [], 'true');
    await run('broken-job', [], 'exit 4');
    await eventually('both ended', async () => (await engine.docker('ps', '-q')).split('\n').length === 1);

    expect(await container('steady')).toMatchObject({ probe: 'container steady', ok: true, detail: 'running' });
    expect(await container('steady', { state: 'done' })).toMatchObject({ ok: false, detail: 'running' });
    expect(await container('job', { state: 'done' })).toMatchObject({ ok: true, detail: 'ended with status 0' });
    expect(await container('job')).toMatchObject({ ok: false });
    expect(await container('broken-job', { state: 'done' })).toMatchObject({
      detail: 'ended with status 4',
      ok: false,
    });
    expect(await container('nobody')).toMatchObject({ ok: false, detail: 'there is no such container' });
  });

  test('goes by the health check of the container, where it has one', async () => {
    const check = ['--health-cmd', 'test -e /tmp/fine', '--health-interval', '200ms', '--health-retries', '1'];
    await run('checked', check, 'sleep 1000');

    await eventually('it is unhealthy', async () => (await container('checked')).detail === 'running, unhealthy');
    await engine.docker('exec', 'checked', 'touch', '/tmp/fine');
    const seen = await eventually('it is healthy', async () => {
      const one = await container('checked');
      return one.ok && one;
    });

    expect(seen.detail).toBe('running, healthy');
  });

  test('sees one that crashes again and again, also while it happens to run', async () => {
    await run('loop', ['--restart', 'always'], 'sleep 0.3; exit 1');

    const seen = await eventually('it was restarted', async () => {
      const one = await container('loop');
      return one.detail.startsWith('crashes again and again') && one;
    });

    expect(seen.ok).toBe(false);
    expect(seen.detail).toMatch(/restarted (once|\d+ times), the last time \d+s ago/);
    await eventually('more than once', async () => {
      const { detail } = await container('loop', { max_restarts: 1, settle: '0s' });
      return detail.includes('at most 1 is good');
    });
  });

  test('stays not good in a gate for as long as the container is restarted', async () => {
    await run(
      'late',
      ['--restart', 'on-failure:2'],
      'test -e /tmp/second || { touch /tmp/second; sleep 0.5; exit 1; }; sleep 1000',
    );
    await using open = await openTools();
    const probe = Probe.parse({ type: 'container', name: 'late', socket: engine.socket, settle: '0s' });

    const { healthy } = await runProbes(open.tools, [probe], { timeoutMs: 30_000, stableForMs: 1_500 });

    expect(healthy).toBe(true);
    expect(await engine.docker('inspect', '-f', '{{.RestartCount}}', 'late')).toBe('1');
  });
});

describe('a log probe of a container', () => {
  beforeEach(needsDocker);

  test('sees only what was written since the container was started', async () => {
    await run('talker', [], 'test -e /tmp/x || echo FATAL: no database; touch /tmp/x; echo ready >&2; sleep 1000');
    const probe = {
      type: 'log',
      container: 'talker',
      socket: engine.socket,
      must_not: ['^FATAL'],
      must: ['^ready$'],
    } as const;

    await eventually('it spoke', async () => (await engine.docker('logs', 'talker')).includes('FATAL'));
    expect(await ask({ ...probe, must: [...probe.must], must_not: [...probe.must_not] })).toMatchObject({
      ok: false,
      detail: 'says: FATAL: no database',
    });
    await engine.docker('restart', '-t', '0', 'talker');
    await eventually('all is well', async () => (await ask({ ...probe, must: ['^ready$'], must_not: ['^FATAL'] })).ok);
  });
});

describe('a log probe of a file', () => {
  test('reads the end of it, and only what comes after the last start', async () => {
    await using dir = await tempDir();
    const file = join(dir.path, 'x.log');
    await writeFile(file, `${'filler\n'.repeat(300_000)}starting\nerror: old\nstarting\n`);
    const look = async (must: string[]) => ask({ type: 'log', file, after: '^starting$', must, must_not: ['^error'] });

    expect(await look([])).toMatchObject({ ok: true, detail: 'has no bad line' });
    expect(await look(['^listening'])).toMatchObject({ ok: false, detail: 'has no line with ^listening yet' });
    await appendFile(file, 'listening on 80\n');
    expect(await look(['^listening'])).toMatchObject({ ok: true });
    await appendFile(file, 'error: new\n');
    expect(await look(['^listening'])).toMatchObject({ ok: false, detail: 'says: error: new' });
  });

  test('says that there is no such file', async () => {
    expect(await ask({ type: 'log', file: '/no/such/file', must: ['x'] })).toMatchObject({
      ok: false,
      detail: 'there is no such file',
    });
  });
});
