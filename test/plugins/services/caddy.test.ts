/** Caddy: what runs and what the file says are both saved, nothing is changed that was not checked, and nothing of another's is overwritten. */
import { chmod, chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { openPlugin } from '#host/harness.ts';
import { instanceSchema } from '#host/plugin-config.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin } from '#plugins/services/caddy/index.ts';
import { makeCaddy } from '#test/support/caddy.ts';
import { startServer } from '#test/support/http.ts';
import { needs } from '#test/support/needs.ts';
import { freePort } from '#test/support/redis.ts';
import { tempDir } from '#test/support/tmp.ts';

beforeEach((context) => needs(context, 'caddy', 'setpriv'));

async function openCaddy({ unix = false } = {}) {
  const dir = await tempDir();
  const caddy = await makeCaddy(dir.path, 'caddy', unix);
  const harness = await openPlugin(plugin);
  await caddy.start();
  return {
    ...caddy,
    run: async (action: string, input: JsonObject = {}, more: JsonObject = {}) =>
      harness.run(action, { ...caddy.config, backup: {}, ...more }, input),
    /** Where the configuration that ran is saved. */
    async saved() {
      const { sources } = await harness.run('sources', { ...caddy.config, backup: {} });
      const paths = (sources as { path: string }[]).map(({ path }) => path);
      return join(paths.find((path) => path.endsWith('/caddy/test')) ?? '', 'running.json');
    },
    async [Symbol.asyncDispose]() {
      await caddy[Symbol.asyncDispose]();
      await harness[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

const DRIFT = 'Caddy runs another configuration than its file says';

describe('what is backed up', () => {
  test('is the file, all that it imports, the data with the keys, and the configuration that runs', async () => {
    await using caddy = await openCaddy();
    await mkdir(join(caddy.dir, 'etc/sites'));
    await writeFile(join(caddy.dir, 'etc/sites/a.caddy'), 'http://a.localhost {\n\trespond "a"\n}\n');
    await writeFile(join(caddy.dir, 'etc/sites/other.txt'), 'not imported');
    await caddy.write('one', '(snippet) {\n}\nimport sites/*.caddy\n');

    const { sources } = await caddy.run('sources');
    await caddy.run('quiesce');

    expect((sources as { path: string }[]).map(({ path }) => path)).toEqual([
      caddy.file,
      join(caddy.dir, 'etc/sites/a.caddy'),
      dirname(await caddy.saved()),
      caddy.data,
    ]);
    const running = JSON.parse(await readFile(await caddy.saved(), 'utf8')) as JsonObject;
    expect(JSON.stringify(running)).toContain('"body":"one"');
    expect((await stat(await caddy.saved())).mode & 0o777).toBe(0o600);
    expect(await caddy.certificate()).toContain('BEGIN CERTIFICATE');
  });

  test('is what the API has loaded, too, and the difference is told', async () => {
    await using caddy = await openCaddy();
    await caddy.load('two');

    const { warnings } = await caddy.run('sources');
    const { detail } = await caddy.run('inspect');
    const quiesced = await caddy.run('quiesce');

    expect(warnings).toEqual([expect.stringContaining(DRIFT)]);
    expect(detail).toContain('/apps/http/servers/');
    expect(quiesced).toEqual({ summary: 'running configuration saved; Caddy goes on', outage: false });
    expect(await readFile(await caddy.saved(), 'utf8')).toContain('"body":"two"');
    expect(await caddy.answer()).toBe('two');
  });

  test('is the file alone when Caddy is down; that is told, and what ran some other time does not pass for what runs now', async () => {
    await using caddy = await openCaddy();
    await caddy.run('quiesce');
    await caddy.stop();

    const { warnings } = await caddy.run('sources');
    const quiesced = await caddy.run('quiesce');

    expect(warnings).toEqual([expect.stringContaining(`nobody answers at ${caddy.admin}`)]);
    expect(quiesced).toEqual({ summary: 'Caddy does not answer; Caddy goes on', outage: false });
    await expect(readFile(await caddy.saved())).rejects.toThrow('ENOENT');
  });

  test('is read through a socket file as well', async () => {
    await using caddy = await openCaddy({ unix: true });

    const inspected = await caddy.run('inspect');
    await caddy.run('quiesce');

    expect(inspected).toMatchObject({ state: 'up', version: expect.stringContaining('2.') });
    expect(await readFile(await caddy.saved(), 'utf8')).toContain('"body":"one"');
  });
});

describe('what is stopped for an update', () => {
  test('runs again as it was, also what the file does not say', async () => {
    await using caddy = await openCaddy();
    await caddy.load('two');

    const quiesced = await caddy.run('quiesce', { all: true });
    const down = await caddy.isRunning();
    const resumed = await caddy.run('resume');

    expect(quiesced).toMatchObject({ outage: true });
    expect(down).toBe(false);
    expect(resumed).toEqual({ summary: 'Caddy started, with the configuration that ran' });
    expect(await caddy.answer()).toBe('two');
    expect(await caddy.run('resume')).toEqual({ summary: 'nothing to start' });
  });

  test('is not started when somebody else has stopped it', async () => {
    await using caddy = await openCaddy();
    await caddy.stop();

    await caddy.run('quiesce', { all: true });
    const resumed = await caddy.run('resume');

    expect(resumed).toEqual({ summary: 'nothing to start' });
    expect(await caddy.isRunning()).toBe(false);
  });

  test('is not stopped when its file is wrong, for it could not be started again', async () => {
    await using caddy = await openCaddy();
    await caddy.write('one', 'http://b.localhost {\n\trespnd "b"\n}\n');

    const failed = caddy.run('quiesce', { all: true });

    await expect(failed).rejects.toMatchObject({
      code: 'HA_CHECK_FAILED',
      message: `test: Caddy cannot run its file: ${caddy.file}:16: unrecognized directive: respnd`,
    });
    expect(await caddy.answer()).toBe('one');
  });

  test('is a Caddy that another address belongs to: stop commands that do not stop it are told', async () => {
    await using caddy = await openCaddy();

    const failed = caddy.run('standby', { release: EMPTY }, { stop: [['true']], timeout: '300ms' });

    await expect(failed).rejects.toMatchObject({ message: expect.stringContaining('still answers at') });
  });
});

const EMPTY = { version: null, images: [], configFiles: [], detail: {} };

describe('going back', () => {
  test('starts Caddy with its file, and puts in again what ran besides it', async () => {
    await using caddy = await openCaddy();
    await caddy.load('two');
    const { release } = await caddy.run('release');
    await caddy.run('standby', { release: release as JsonObject });

    const reverted = await caddy.run('revert', { release: release as JsonObject, image: false });

    expect(reverted['summary']).toContain('with the configuration that ran');
    expect(await caddy.answer()).toBe('two');
  });

  test('does not start a Caddy whose file is wrong, and says where it is wrong', async () => {
    await using caddy = await openCaddy();
    const { release } = await caddy.run('release');
    await caddy.run('standby', { release: release as JsonObject });
    await caddy.write('one', 'import nothing.conf\n');

    const failed = caddy.run('revert', { release: release as JsonObject, image: false });

    await expect(failed).rejects.toMatchObject({
      code: 'HA_CHECK_FAILED',
      message: expect.stringContaining(`${caddy.file}:15 - Error during parsing: File to import not found`),
    });
    expect(await caddy.isRunning()).toBe(false);
  });
});

describe('validate', () => {
  test('is good when the API answers and the probes are good', async () => {
    await using caddy = await openCaddy();

    const verdict = await caddy.run('validate', { timeoutMs: 2_000 });

    expect(verdict).toMatchObject({ healthy: true, probes: [{ probe: 'admin API', ok: true }] });
  });

  test('is not when Caddy is down', async () => {
    await using caddy = await openCaddy();
    await caddy.stop();

    const verdict = await caddy.run('validate', { timeoutMs: 200 });

    expect(verdict).toMatchObject({
      healthy: false,
      summary: expect.stringContaining(`at ${caddy.admin} does not answer`),
    });
  });
});

test('a file that Caddy’s own user cannot read is found out before Caddy is stopped: root’s rights are not used', async (context) => {
  if (process.getuid?.() !== 0) context.skip('needs root, to become another user');
  await using caddy = await openCaddy();
  await chmod(caddy.file, 0o600);
  await chown(caddy.data, 65_534, 65_534);

  const failed = caddy.run('quiesce', { all: true });

  await expect(failed).rejects.toMatchObject({
    code: 'HA_CHECK_FAILED',
    message: expect.stringContaining(`${caddy.file}: permission denied`),
  });
  expect(await caddy.isRunning()).toBe(true);
});

describe('an admin address that is wrong', () => {
  test('is told when another program answers there', async () => {
    await using server = await startServer(() => ({ status: 200, body: '{"hello":"there"}' }));
    await using caddy = await openCaddy();

    const failed = caddy.run('quiesce', {}, { admin: server.url });

    await expect(failed).rejects.toMatchObject({
      code: 'HA_CONFIG_INVALID',
      message: `test: ${server.url} is not Caddy’s admin API (an answer without an Etag)`,
    });
  });

  test('is told when nobody answers there', async () => {
    await using caddy = await openCaddy();
    const admin = `http://localhost:${await freePort()}`;

    const inspected = await caddy.run('inspect', {}, { admin });

    expect(inspected).toMatchObject({ state: 'down', detail: expect.stringContaining(`${admin} does not answer`) });
  });
});

test.each([
  ['an admin API of another machine', { admin: 'http://192.168.1.2:2019' }],
  ['an admin address with a path', { admin: 'http://localhost:2019/load' }],
  ['an admin address with credentials', { admin: 'http://me:secret@localhost:2019' }],
  ['an admin address of a file', { admin: 'file:///etc/passwd' }],
  ['a relative file', { config_file: 'Caddyfile' }],
  ['a file through ".."', { config_file: '/etc/caddy/../shadow' }],
  ['a file with a NUL', { config_file: '/etc/caddy/\0' }],
  ['a program that looks like an option', { program: '--config=/etc/shadow' }],
  ['no way to stop it', { stop: [] }],
  ['a package that looks like an option', { update: { package: '-oDir=/' } }],
  ['a package that apt would remove', { update: { package: 'caddy-' } }],
  ['a package with a version', { update: { package: 'caddy=1' } }],
])('a service with %s is refused', (_, config) => {
  expect(instanceSchema(plugin).safeParse({ backup: {}, ...config }).success).toBe(false);
});

describe('a restart', () => {
  test('starts a Caddy that is down, and one that was cut short when it was stopped', async () => {
    await using caddy = await openCaddy();
    await caddy.stop();
    const nothing = await caddy.run('restart', { stop: false });
    const down = await caddy.isRunning();
    const restarted = await caddy.run('restart');
    const up = await caddy.answer();
    await caddy.run('quiesce', { all: true });
    const started = await caddy.run('restart', { stop: false });

    expect([nothing, down]).toEqual([{ restarted: false, summary: 'nothing to start' }, false]);
    expect([restarted, up]).toEqual([{ restarted: true, summary: 'Caddy started' }, 'one']);
    expect(started).toMatchObject({ restarted: true });
    expect(await caddy.answer()).toBe('one');
  });

  test('keeps the configuration that runs, and touches nothing when the file is wrong', async () => {
    await using caddy = await openCaddy();
    await caddy.load('two');
    const restarted = await caddy.run('restart');
    const after = await caddy.answer();
    await writeFile(caddy.file, 'no such directive {\n');

    const failing = caddy.run('restart');

    await expect(failing).rejects.toMatchObject({ code: 'HA_CHECK_FAILED' });
    expect([restarted, after]).toEqual([
      { restarted: true, summary: 'Caddy started, with the configuration that ran' },
      'two',
    ]);
    expect(await caddy.answer()).toBe('two');
  });
});
