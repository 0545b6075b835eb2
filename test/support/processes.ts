/** Processes of tests: ends a child, and finds those that belong to a directory: they run in it, name it, or got it as their TMPDIR. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';

/** Ends a child, unless it has ended already, and waits until it is gone. */
export async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

export interface TestProcess {
  pid: number;
  command: string;
}

/**
 * Reads /proc; on a system without it the answer is empty.
 * The environment alone would not do: Redis, for one, overwrites its own when it sets its title.
 */
export async function processesOf(directory: string): Promise<TestProcess[]> {
  const found: TestProcess[] = [];
  for (const entry of await readdir('/proc').catch((): string[] => [])) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const command = (await text(`/proc/${pid}/cmdline`)).replaceAll('\0', ' ').trim();
    if (command === '' || isRunner(command)) continue;
    const environment = await text(`/proc/${pid}/environ`);
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    const belongs = `${cwd}/`.startsWith(`${directory}/`) || `${environment}\0${command}`.includes(directory);
    if (belongs) found.push({ pid, command });
  }
  return found;
}

async function text(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}

/** Vitest's own workers and their watchdog may still be ending while the leaks are counted. */
function isRunner(command: string): boolean {
  return command.startsWith('vitest') || command.includes('/node_modules/vitest/');
}
