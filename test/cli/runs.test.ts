/** `runs`: history, logs, retry and cancel. */
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { History } from '#cli/ports.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { runDetail, scriptedController, stepView } from '#test/cli/scripted-controller.ts';
import { configOf, stage } from '#test/cli/stage.ts';
import { type TempDir, tempDir } from '#test/support/tmp.ts';

let folder = '';
let dir: TempDir;

beforeEach(async () => {
  dir = await tempDir();
  folder = dir.path;
  await mkdir(join(folder, 'runs'));
});

afterEach(async () => await dir[Symbol.asyncDispose]());

function logged() {
  const base = configOf();
  return { ...base, global: { ...base.global, logDir: folder } };
}

function line(step: string, message: string, level = 'info'): string {
  return `${JSON.stringify({ at: '2026-03-01T02:59:00.000Z', step, level, message, fields: { n: 1 } })}\n`;
}

function historyOf(...runs: ReturnType<typeof runDetail>[]): History {
  return {
    runs: () => runs,
    run: (id) => {
      const found = runs.find((run) => run.id.startsWith(id));
      if (found === undefined) throw new AutopilotError('HA_NOT_FOUND', `there is no run "${id}"`);
      return found;
    },
    resolve: (id) => id,
    restorePoints: () => [],
    lastDrills: () => [],
    [Symbol.dispose]: () => {},
  };
}

test('the query of a list reaches the controller as it was typed', async () => {
  const controller = scriptedController({ states: [runDetail()] });

  const words = ['--service', 'notes', '--status', 'needs_attention', '--limit', '5', '--json'];
  const { status, stdout } = await stage({ controller }).run('runs', ...words);

  expect(status).toBe(0);
  expect(controller.asked[0]?.parameters).toEqual({ service: 'notes', status: 'needs_attention', limit: 5 });
  expect(JSON.parse(stdout).runs[0].id).toBe('b7k2mnpqrstv');
});

test('without a controller the history comes from the state file, and that is said', async () => {
  const rooms = { openHistory: async () => historyOf(runDetail()) };

  const { status, stdout, stderr } = await stage({ rooms }).run('runs');

  expect(status).toBe(0);
  expect(stdout).toContain('b7k2');
  expect(stderr).toContain('No controller answers');
});

test('a run that nobody knows is wrong use', async () => {
  const rooms = { openHistory: async () => historyOf() };

  const { status, stdout } = await stage({ rooms }).run('runs', 'show', 'zzzz', '--json');

  expect(status).toBe(2);
  expect(stdout).toBe('');
});

test('one run is shown with its steps, the undo steps too, and its story', async () => {
  const run = runDetail({
    steps: [stepView('capture'), stepView('undo-capture', { title: 'remove the snapshot', undo: true })],
    story: [{ at: '2026-03-01T02:59:10.000Z', text: 'step capture: attempt 2' }],
  });
  const rooms = { connectController: async () => scriptedController({ states: [run] }) };

  const shown = await stage({ rooms }).run('runs', 'show', 'b7k2');
  const json = await stage({ rooms }).run('runs', 'show', 'b7k2', '--json');

  expect(shown.stdout).toContain('✔ capture');
  expect(shown.stdout).toContain('↺ remove the snapshot');
  expect(shown.stdout).toContain('2026-03-01 02:59:10  step capture: attempt 2');
  expect(JSON.parse(json.stdout).steps[1]).toMatchObject({ name: 'undo-capture', undo: true });
});

test('how long a service was stopped is told, whether its run went well or not', async () => {
  const shown = async (more: Partial<ReturnType<typeof runDetail>>) => {
    const controller = scriptedController({ states: [runDetail(more)] });
    return (await stage({ controller }).run('runs', 'show', 'b7k2')).stdout;
  };
  const failed = [stepView('copy-vault', { status: 'failed', error: 'away' })];

  expect(await shown({ outageMs: 4_200 })).toMatch(/stopped for +4\.2 s\n[^]*succeeded in 58\.0 s, stopped for 4\.2 s/);
  expect(await shown({ status: 'failed', steps: failed, outageMs: 4_200 })).toContain('notes was stopped for 4.2 s.');
  expect(await shown({})).not.toContain('stopped for');
});

test('a log is read from its file by the beginning of an id, with nothing running', async () => {
  await writeFile(
    join(folder, 'runs', 'b7k2mnpqrstv.jsonl'),
    line('capture', 'begun') + line('copy-usb', 'slow\u001b[2J', 'warn'),
  );

  const { status, stdout } = await stage({ config: logged() }).run('runs', 'logs', 'b7k2');
  const one = await stage({ config: logged() }).run('runs', 'logs', 'b7k2', '--step', 'capture', '--json');

  expect(status).toBe(0);
  expect(stdout).toBe('02:59:00  capture: begun  n=1\n02:59:00  copy-usb: warning: slow\\x1b[2J  n=1\n');
  expect(
    one.stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text).step),
  ).toEqual(['capture']);
});

test('the beginning of two ids is refused with examples', async () => {
  for (const id of ['b7k2mnpqrstv', 'b7k2zzpqrstv']) await writeFile(join(folder, 'runs', `${id}.jsonl`), '');

  const { status, stderr } = await stage({ config: logged() }).run('runs', 'logs', 'b7k2');

  expect(status).toBe(2);
  expect(stderr).toContain('several runs begin with "b7k2"');
});

test('a followed log goes on until the run has ended, and misses no line', async () => {
  const file = join(folder, 'runs', 'b7k2mnpqrstv.jsonl');
  await writeFile(file, line('capture', 'begun'));
  let asked = 0;
  const controller = scriptedController({
    answers: {
      run: async () => {
        asked += 1;
        await appendFile(file, line('capture', `line ${asked}`));
        return runDetail(asked < 2 ? { status: 'running' } : {});
      },
    },
  });

  const { status, stdout } = await stage({ controller, config: logged() }).run('runs', 'logs', 'b7k2', '--follow');

  expect(status).toBe(0);
  expect(stdout.match(/begun|line \d/g)).toEqual(['begun', 'line 1', 'line 2']);
});

test('a retry shows first what would run again, and goes ahead where nobody can be asked', async () => {
  const controller = scriptedController({ states: [runDetail()] });

  const { status, stdout, stderr } = await stage({ controller }).run('runs', 'retry', 'b7k2', '--from', 'copy-vault');

  expect(status).toBe(0);
  expect(stderr).toContain('runs again:       copy-vault');
  expect(stderr).toContain('is taken over:    capture');
  expect(stdout).toContain('accepted: backup notes');
  expect(controller.asked.map(({ method }) => method)).toEqual(['retryPreview', 'retry']);
});

test('a retry that is declined starts nothing', async () => {
  const controller = scriptedController({ states: [runDetail()] });

  const { stderr } = await stage({ controller, terminal: { ask: async () => false } }).run('runs', 'retry', 'b7k2');

  expect(stderr).toContain('Nothing was started.');
  expect(controller.asked.map(({ method }) => method)).toEqual(['retryPreview']);
});

test('a cancel of a run that has ended fails with exit status 1', async () => {
  const cancel = async () => {
    throw new AutopilotError('HA_CONFLICT', 'run b7k2 has already ended: succeeded');
  };

  const { status, stderr } = await stage({ controller: scriptedController({ answers: { cancel } }) }).run(
    'runs',
    'cancel',
    'b7k2',
  );

  expect(status).toBe(1);
  expect(stderr).toContain('has already ended');
});

test('an error that is ours is told without a stack, and with one for the developer', async () => {
  const controller = scriptedController({
    answers: {
      runs: async () => {
        throw new TypeError('x is not a function');
      },
    },
  });

  const quiet = await stage({ controller }).run('runs');
  const debug = await stage({ controller, env: { HOMELAB_AUTOPILOT_DEBUG: '1' } }).run('runs');

  expect(quiet.status).toBe(1);
  expect(quiet.stderr).toContain('unexpected error: x is not a function');
  expect(quiet.stderr).not.toContain('at ');
  expect(debug.stderr).toMatch(/at .*runs\.test\.ts/);
});

test('Ctrl-C while a question waits for its answer ends the command at once', async () => {
  const asked = Promise.withResolvers<void>();
  const never = new Promise<never>(() => {});
  const runs = async () => {
    asked.resolve();
    return never;
  };
  const staged = stage({ controller: scriptedController({ answers: { runs } }) });

  const running = staged.run('runs');
  await asked.promise;
  staged.interrupt();

  expect((await running).status).toBe(130);
});
