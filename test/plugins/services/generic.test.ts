/** The generic service: the user's commands in order, nothing left hanging, and everything started again. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openPlugin } from '#host/harness.ts';
import { instanceSchema } from '#host/plugin-config.ts';
import { newId } from '#kernel/ids.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin } from '#plugins/services/generic/index.ts';
import { processesWith } from '#test/host/stage.ts';
import { tempDir } from '#test/support/tmp.ts';

/** A service that is a file named `up`, and a diary of what was done to it. */
async function openService() {
  const dir = await tempDir();
  const harness = await openPlugin(plugin);
  await writeFile(join(dir.path, 'up'), '');
  const note = (text: string) => ['sh', '-c', `echo ${text} >> ${dir.path}/diary`];
  return {
    path: dir.path,
    note,
    up: join(dir.path, 'up'),
    diary: async () => (await readFile(join(dir.path, 'diary'), 'utf8').catch(() => '')).trim().split('\n'),
    run: async (action: string, config: JsonObject, input: JsonObject = {}) => harness.run(action, config, input),
    async [Symbol.asyncDispose]() {
      await harness[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

describe('quiesce', () => {
  test('runs the before-commands in order, then stops the service, and says that the outage begins', async () => {
    await using service = await openService();
    const backup = {
      paths: ['/srv'],
      commands: { before: [service.note('one'), service.note('two')] },
      quiesce: { stop: [['rm', service.up]], start: [['touch', service.up]] },
    };

    const output = await service.run('quiesce', { backup });

    expect(await service.diary()).toEqual(['one', 'two']);
    expect(output).toEqual({ summary: '2 before-commands done, service stopped; outage begins', outage: true });
    await expect(readFile(service.up)).rejects.toThrow('ENOENT');
  });

  test('without commands stops nothing', async () => {
    await using service = await openService();

    const output = await service.run('quiesce', { backup: { paths: ['/srv'] } });

    expect(output).toEqual({ summary: 'nothing to stop', outage: false });
  });

  test('ends a before-command that hangs, with all that it started, and does not stop the service', async () => {
    await using service = await openService();
    const marker = newId();
    const hangs = ['sh', '-c', `sh -c 'while :; do sleep 0.05; done' ${marker} & wait`, marker];
    const backup = {
      paths: ['/srv'],
      commands: { before: [hangs], timeout: '200ms' },
      quiesce: { stop: [['rm', service.up]], start: [['touch', service.up]] },
    };

    const failed = service.run('quiesce', { backup });

    await expect(failed).rejects.toMatchObject({
      code: 'HA_COMMAND_TIMEOUT',
      message: 'sh did not end within 200ms and was stopped',
    });
    expect(await processesWith(marker)).toEqual([]);
    expect(await readFile(service.up, 'utf8')).toBe('');
  });

  test('fails with the before-command that fails, and runs no later one', async () => {
    await using service = await openService();
    const backup = {
      paths: ['/srv'],
      commands: { before: [['sh', '-c', 'echo locked >&2; exit 9'], service.note('two')] },
    };

    const failed = service.run('quiesce', { backup });

    await expect(failed).rejects.toThrow('sh failed with exit status 9: locked');
    expect(await service.diary()).toEqual(['']);
  });
});

describe('resume', () => {
  test('starts the service, runs the after-commands, and waits until the service works', async () => {
    await using service = await openService();
    await rm(service.up);
    const slowStart = ['sh', '-c', `(sleep 0.3; touch ${service.up}) </dev/null >/dev/null 2>&1 &`];
    const config = {
      validate: [{ type: 'command', command: ['test', '-e', service.up] }],
      backup: {
        paths: ['/srv'],
        commands: { after: [service.note('after')] },
        quiesce: { stop: [['rm', service.up]], start: [slowStart] },
      },
    };

    const output = await service.run('resume', config);

    expect(output).toEqual({ summary: 'service works' });
    expect(await service.diary()).toEqual(['after']);
    expect(await readFile(service.up, 'utf8')).toBe('');
  });

  test('can be done twice, and when nothing was stopped', async () => {
    await using service = await openService();
    const start = [['touch', service.up]];
    const config = { backup: { paths: ['/srv'], quiesce: { stop: [['rm', service.up]], start } } };

    const outputs = [await service.run('resume', config), await service.run('resume', config)];

    expect(outputs).toEqual([{ summary: 'service started' }, { summary: 'service started' }]);
  });

  test('tries everything, also what comes after a command that fails, and then fails', async () => {
    await using service = await openService();
    await rm(service.up);
    const start = [
      ['sh', '-c', 'exit 5'],
      ['touch', service.up],
    ];
    const backup = {
      paths: ['/srv'],
      commands: { after: [service.note('after')] },
      quiesce: { stop: [['true']], start },
    };

    const failed = service.run('resume', { backup });

    await expect(failed).rejects.toThrow('exit status 5');
    expect(await service.diary()).toEqual(['after']);
    expect(await readFile(service.up, 'utf8')).toBe('');
  });

  test('fails when the service does not work in time', async () => {
    await using service = await openService();
    const config = {
      validate: [{ type: 'command', command: ['false'] }],
      backup: { paths: ['/srv'], quiesce: { timeout: '200ms' } },
    };

    const failed = service.run('resume', config);

    await expect(failed).rejects.toMatchObject({
      code: 'HA_CHECK_FAILED',
      message: 'test does not work after 200ms: false: false failed with exit status 1',
    });
  });
});

describe('inspect', () => {
  test('tells the version and the state, without any backup section', async () => {
    await using service = await openService();
    const config = { version: ['printf', '3.2\\nbuilt today'], validate: [{ type: 'command', command: ['true'] }] };

    const output = await service.run('inspect', config);

    expect(output).toEqual({ state: 'up', version: '3.2', detail: 'all probes are good' });
  });

  test('knows no state without probes, and says why there is no version', async () => {
    await using service = await openService();

    const output = await service.run('inspect', { version: ['no-such-tool'] });

    expect(output).toEqual({
      state: 'unknown',
      detail: 'no probes are configured; the version is not known: no-such-tool is not installed, or not in PATH',
    });
  });

  test('tells which probe is not good', async () => {
    await using service = await openService();

    const output = await service.run('inspect', { validate: [{ type: 'command', command: ['false'] }] });

    expect(output).toEqual({ state: 'down', detail: 'false: false failed with exit status 1' });
  });
});

test('sources are the paths, each with the globs', async () => {
  await using service = await openService();

  const output = await service.run('sources', { backup: { paths: ['/srv/a', '/srv/b'], exclude: ['**/cache'] } });

  const exclude = ['**/cache'];
  expect(output).toEqual({
    sources: [
      { path: '/srv/a', exclude },
      { path: '/srv/b', exclude },
    ],
    warnings: [],
  });
});

test('validate gives the verdict of the probes', async () => {
  await using service = await openService();
  const config = { validate: [{ type: 'command', command: ['test', '-e', service.up] }] };

  const output = await service.run('validate', config, { timeoutMs: 100 });

  expect(output).toMatchObject({ healthy: true, summary: '1 probe is good', probes: [{ ok: true }] });
});

test.each([
  ['a relative path', { paths: ['./data'] }],
  ['a path through ".."', { paths: ['/srv/../etc'] }],
  ['no path', { paths: [] }],
  ['a glob from the root', { paths: ['/srv'], exclude: ['/srv/cache'] }],
  ['a command as one string', { paths: ['/srv'], commands: { before: ['notesctl flush'] } }],
  ['a command that is empty', { paths: ['/srv'], commands: { before: [[]] } }],
  ['stop without start', { paths: ['/srv'], quiesce: { stop: [['systemctl', 'stop', 'x']] } }],
  ['an unknown key', { paths: ['/srv'], commands: { befor: [] } }],
])('a backup section with %s is refused', (_, backup) => {
  expect(instanceSchema(plugin).safeParse({ backup }).success).toBe(false);
});

test('a configuration that was read once reads the same again, as it travels to the worker', () => {
  const written = {
    validate: [{ type: 'http', url: 'http://127.0.0.1:1/', timeout: '5s' }],
    backup: { paths: ['/srv'], commands: { timeout: '1h30m' } },
  };

  const once = instanceSchema(plugin).parse(written);

  expect(instanceSchema(plugin).parse(JSON.parse(JSON.stringify(once)))).toEqual(once);
});

describe('restart', () => {
  const restartable = (service: { up: string; note(text: string): string[] }, stop: string[][]) => ({
    backup: { paths: ['/srv'], quiesce: { stop, start: [service.note('start'), ['touch', service.up]] } },
  });

  test('stops and starts it by its own commands, and by none of those of a backup', async () => {
    await using service = await openService();
    const config = restartable(service, [service.note('stop'), ['rm', service.up]]);
    const commands = { before: [service.note('before')], after: [service.note('after')] };

    const output = await service.run('restart', { backup: { ...config.backup, commands } });

    expect(output).toEqual({ restarted: true, summary: 'test stopped and started' });
    expect(await service.diary()).toEqual(['stop', 'start']);
    expect(await readFile(service.up, 'utf8')).toBe('');
  });

  test('starts it although it could not be stopped', async () => {
    await using service = await openService();
    await rm(service.up);

    await service.run('restart', restartable(service, [['sh', '-c', 'exit 1']]));

    expect(await readFile(service.up, 'utf8')).toBe('');
  });

  test('on the way out of one that was cut short it is started alone, and what does not start is told', async () => {
    await using service = await openService();
    const broken = { paths: ['/srv'], quiesce: { stop: [service.note('stop')], start: [['sh', '-c', 'exit 1']] } };
    await rm(service.up);

    const started = await service.run('restart', restartable(service, [service.note('stop')]), { stop: false });
    const failed = await service.run('restart', { backup: broken }, { stop: false });

    expect(await service.diary()).toEqual(['start']);
    expect(started).toEqual({ restarted: true, summary: 'test is started' });
    expect(failed).toMatchObject({ restarted: false, summary: expect.stringContaining('could not be started') });
  });

  test('says what is missing where nothing tells how it is started, with and without a backup', async () => {
    await using service = await openService();

    for (const config of [{}, { backup: { paths: ['/srv'] } }]) {
      await expect(service.run('restart', config)).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
    }
  });
});
