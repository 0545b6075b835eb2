/** Commands: what they get, what they leave behind (nothing), and how their failures are told. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { AutopilotError } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { Argv } from '#sdk/tools.ts';
import { openStage, processCount, processesWith } from '#test/host/stage.ts';
import { tempDir } from '#test/support/tmp.ts';

/** A family of three in one group: the command, its child, and a grandchild that nobody waits for. */
function family(marker: string, ending = 'wait'): Argv {
  return ['sh', '-c', `sh -c 'sleep 1000 & exec sleep 1000' ${marker} & ${ending}`, marker];
}

/** `sleep` does not show the marker; a shell that stays does. */
function stubbornFamily(marker: string): Argv {
  const child = `trap '' TERM; while :; do sleep 0.05; done`;
  return ['sh', '-c', `trap '' TERM; sh -c "${child}" ${marker}-child & wait; wait`, marker];
}

describe('a command', () => {
  test('gets its words as they are, and no shell reads them', async () => {
    await using stage = await openStage();

    const result = await stage.processes.exec(['printf', '%s|', '$HOME', '*', 'a b', "'"], {}, stage.caller());

    expect(result).toEqual({ code: 0, stdout: "$HOME|*|a b|'|", stderr: '' });
  });

  test('gets a small clean environment and what its caller adds', async () => {
    await using stage = await openStage();
    process.env['TOKEN_OF_OURS'] = 'must stay here';

    const { stdout } = await stage.processes.exec(['env'], { env: { ADDED: 'yes' } }, stage.caller());
    delete process.env['TOKEN_OF_OURS'];

    const names = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0]);
    const allowed = ['PATH', 'HOME', 'USER', 'LOGNAME', 'TZ', 'TMPDIR', 'XDG_RUNTIME_DIR', 'DBUS_SESSION_BUS_ADDRESS'];
    expect(names.filter((name) => ![...allowed, 'LANG', 'LC_ALL'].includes(name ?? ''))).toEqual(['ADDED']);
    expect(stdout).toContain('LC_ALL=C.UTF-8');
  });

  test('gets its input on standard input, which is closed after it', async () => {
    await using stage = await openStage();

    const { stdout } = await stage.processes.exec(['cat'], { input: 'one\ntwo' }, stage.caller());

    expect(stdout).toBe('one\ntwo');
  });

  test('runs with the configured priority in the background, and without it when told', async () => {
    await using stage = await openStage({ priority: { nice: 7, ionice: 'none' } });

    const background = await stage.processes.exec(['nice'], {}, stage.caller());
    const normal = await stage.processes.exec(['nice'], { priority: 'normal' }, stage.caller());

    expect(Number(background.stdout) - Number(normal.stdout)).toBe(7);
  });

  test('has its lines in the log, each with the stream that it came from', async () => {
    await using stage = await openStage();

    await stage.processes.exec(['sh', '-c', 'echo one; echo two; printf three >&2'], {}, stage.caller());

    const told = stage.lines.map(({ message, fields }) => `${String(fields?.['stream'])}: ${message}`);
    expect(told.toSorted()).toEqual(['stderr: three', 'stdout: one', 'stdout: two']);
  });

  test('that may print a secret leaves nothing of it in the log and in errors', async () => {
    await using stage = await openStage();
    const exec = async (status: number) =>
      stage.processes.exec(
        ['sh', '-c', `echo hunter22; echo hunter23 >&2; exit ${status}`],
        { isSecret: true },
        stage.caller(),
      );

    const { stdout } = await exec(0);
    const failed = await exec(3).catch((error: unknown) => error);

    expect(stdout).toBe('hunter22\n');
    expect(failed).toMatchObject({ code: 'HA_COMMAND_FAILED', message: 'sh failed with exit status 3' });
    expect(stage.lines).toEqual([]);
  });

  test('that succeeds may leave a process behind, as the start of a service does', async () => {
    await using stage = await openStage();
    const marker = newId();
    const daemon = `sh -c 'while :; do sleep 0.05; done' ${marker} </dev/null >/dev/null 2>&1 & echo $!`;

    const { stdout } = await stage.processes.exec(['sh', '-c', daemon], {}, stage.caller());

    const running = await processesWith(marker);
    process.kill(Number(stdout));
    expect(running).toEqual([Number(stdout)]);
    expect(await processCount(marker, 0)).toBe(0);
  });
});

describe('a command that goes wrong', () => {
  test('is told by its name, its exit status and its last words, without secrets', async () => {
    await using stage = await openStage();
    stage.ports.masker.add('hunter22');
    const script = 'echo first >&2; echo "cannot log in with hunter22" >&2; exit 3';

    const failed = stage.processes.exec(['sh', '-c', script], {}, stage.caller());

    await expect(failed).rejects.toMatchObject({
      code: 'HA_COMMAND_FAILED',
      message: 'sh failed with exit status 3: first\ncannot log in with ***',
    });
  });

  test('has not failed when its exit status is one of those that are fine', async () => {
    await using stage = await openStage();

    const { code } = await stage.processes.exec(['sh', '-c', 'exit 1'], { okCodes: [0, 1] }, stage.caller());

    expect(code).toBe(1);
  });

  test('names the Debian package of a tool that is missing', async () => {
    await using stage = await openStage();

    const failed = stage.processes.exec(['zstd'], { env: { PATH: '/nowhere' } }, stage.caller());

    await expect(failed).rejects.toMatchObject({
      code: 'HA_TOOL_MISSING',
      message: 'zstd is not installed, or not in PATH',
      next: 'apt install zstd',
    });
  });

  test('says so when the folder to run in does not exist', async () => {
    await using stage = await openStage();

    const failed = stage.processes.exec(['true'], { cwd: '/no/such/folder' }, stage.caller());

    await expect(failed).rejects.toThrow('true cannot be started: /no/such/folder does not exist');
  });

  test('says which signal killed it', async () => {
    await using stage = await openStage();

    const failed = stage.processes.exec(['sh', '-c', 'kill -HUP $$'], {}, stage.caller());

    await expect(failed).rejects.toThrow('sh was killed by SIGHUP');
  });

  test('takes what it started with it', async () => {
    await using stage = await openStage();
    const marker = newId();

    const failed = stage.processes.exec(family(marker, 'exit 1'), {}, stage.caller());

    await expect(failed).rejects.toThrow('exit status 1');
    expect(await processesWith(marker)).toEqual([]);
  });
});

describe('a command that is ended', () => {
  test('by its time limit dies with its whole group, even one that is deaf to SIGTERM', async () => {
    await using stage = await openStage();
    const marker = newId();

    const failed = stage.processes.exec(stubbornFamily(marker), { timeoutMs: 200 }, stage.caller());

    await expect(failed).rejects.toMatchObject({ code: 'HA_COMMAND_TIMEOUT' });
    expect(await processesWith(marker)).toEqual([]);
  });

  test('by the signal dies with its whole group, and the reason of the signal is the error', async () => {
    await using stage = await openStage();
    const marker = newId();
    const abort = new AbortController();
    const settled = outcome(stage.processes.exec(stubbornFamily(marker), {}, stage.caller(abort.signal)));
    const before = await processCount(marker, 2);

    abort.abort(new AutopilotError('HA_LOCK_LOST', 'another worker has this step now'));

    expect(await settled).toMatchObject({ code: 'HA_LOCK_LOST' });
    expect(before).toBe(2);
    expect(await processesWith(marker)).toEqual([]);
  });

  test('is not even started when the signal has fired before', async () => {
    await using stage = await openStage();

    const refused = stage.processes.exec(['touch', join(stage.folder, 'x')], {}, stage.caller(AbortSignal.abort()));

    await expect(refused).rejects.toMatchObject({ code: 'HA_CANCELLED' });
  });

  test('because the worker stops leaves nothing behind', async () => {
    const stage = await openStage();
    const marker = newId();
    const running = stage.processes.spawn(stubbornFamily(marker), {}, stage.caller());
    const settled = outcome(running.done);
    await processCount(marker, 2);

    await stage[Symbol.asyncDispose]();

    expect(await settled).toMatchObject({ code: 'HA_CANCELLED' });
    expect(await processesWith(marker)).toEqual([]);
  });

  test('because the worker was killed without warning leaves nothing behind either', async () => {
    await using folder = await tempDir();
    const marker = newId();
    const worker = join(folder.path, 'worker.ts');
    const exec = fileURLToPath(new URL('../../src/host/exec.ts', import.meta.url));
    await writeFile(worker, workerText(exec, stubbornFamily(marker), { atOnce: false }));
    const child = spawn(process.execPath, [worker], { stdio: 'inherit' });
    const before = await processCount(marker, 2);

    child.kill('SIGKILL');
    await once(child, 'exit');

    expect(before).toBe(2);
    expect(await processCount(marker, 0)).toBe(0);
  });
});

test('a worker that is killed while it starts a command leaves nothing behind', async () => {
  await using folder = await tempDir();
  const marker = newId();
  const worker = join(folder.path, 'worker.ts');
  const exec = fileURLToPath(new URL('../../src/host/exec.ts', import.meta.url));
  await writeFile(worker, workerText(exec, stubbornFamily(marker), { atOnce: true }));

  const child = spawn(process.execPath, [worker], { stdio: 'inherit' });
  const [, signal] = await once(child, 'exit');

  expect(signal).toBe('SIGKILL');
  expect(await processCount(marker, 0)).toBe(0);
});

describe('a command whose streams the caller wants', () => {
  test('can be piped into and read from', async () => {
    await using stage = await openStage();
    const lines: string[] = [];

    const child = stage.processes.spawn(
      ['sh', '-c', 'tr a-z A-Z; echo done >&2'],
      { stdin: 'pipe', stdout: 'pipe', onStderr: (line) => lines.push(line) },
      stage.caller(),
    );
    child.stdin?.end('hello');
    const output = child.stdout === null ? '' : await text(child.stdout);

    expect(output).toBe('HELLO');
    expect(await child.done).toEqual({ code: 0, stderr: 'done\n' });
    expect(lines).toEqual(['done']);
  });

  test('ends when it is killed', async () => {
    await using stage = await openStage();

    const child = stage.processes.spawn(['sleep', '1000'], {}, stage.caller());
    child.kill();

    await expect(child.done).rejects.toMatchObject({ code: 'HA_CANCELLED' });
  });
});

/** What a promise came to, taken up at once so that a failure does not count as unhandled. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: unknown) => error);
}

/** `atOnce`: the worker dies in the very moment in which it has started the command. */
function workerText(exec: string, argv: Argv, { atOnce }: { atOnce: boolean }): string {
  return `import { Processes } from ${JSON.stringify(exec)};
const processes = new Processes({ priority: { nice: 0, ionice: 'none' } });
const log = { debug() {}, info() {}, warn() {}, error() {} };
const caller = { signal: new AbortController().signal, log, mask: (text: string) => text };
const running = processes.exec(${JSON.stringify(argv)} as [string], {}, caller);
${atOnce ? `process.kill(process.pid, 'SIGKILL');` : ''}
await running;
`;
}
