/** The suite gets a temporary directory of its own, and fails when a file, a process or a mount of it is left at the end. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '#kernel/wait.ts';
import { detach, mountsBelow } from '#test/support/mounts.ts';
import { processesOf, type TestProcess } from '#test/support/processes.ts';

/** How long a process may take to end after its test has ended. */
const GRACE_MS = 5000;

/** Made by the runner for all tests, and removed by it. */
const CACHE = 'cache';

/** Runs once before all test files, in vitest's own process; the returned function runs after them. */
export default async function watchForLeaks(): Promise<() => Promise<void>> {
  const before = process.env['TMPDIR'];
  const directory = await mkdtemp(join(tmpdir(), 'ha-test-'));
  // Test processes inherit this, so whatever they make with os.tmpdir() lands where it can be counted.
  process.env['TMPDIR'] = directory;
  // The command keeps compiled code in the user's cache; a test run leaves nothing there.
  process.env['XDG_CACHE_HOME'] = join(directory, CACHE);

  return async () => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    const processes = await processesLeft(directory);
    const mounts = await mountsBelow(directory);
    // Before the files: what is mounted is not removed with them, and may be somebody's.
    mounts.forEach(detach);
    const files = (await readdir(directory)).filter((name) => name !== CACHE);
    await rm(directory, { recursive: true, force: true });
    const leaks = [
      ...processes.map(({ pid, command }) => `process ${pid}: ${command}`),
      ...mounts.map((point) => `a mount: ${point}`),
      ...files.map(nameFile),
    ];
    if (leaks.length > 0) throw new Error(`the tests left behind:\n  ${leaks.join('\n  ')}`);
  };
}

async function processesLeft(directory: string): Promise<TestProcess[]> {
  await until(async () => ((await processesOf(directory)).length === 0 ? true : undefined), { timeoutMs: GRACE_MS });
  const left = await processesOf(directory);
  for (const { pid } of left) end(pid);
  return left;
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself since it was counted; it is named all the same.
  }
}

function nameFile(name: string): string {
  return `in the temporary directory: ${name}`;
}
