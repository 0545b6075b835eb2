/** Makes sure that a worker which lost a step is really gone before its replacement begins. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { until } from '#kernel/wait.ts';

/** How long the end of a killed process may take. */
const GONE_MS = 10_000;

/**
 * This process among all that ever ran on this machine: boot, process namespace, number, time of start. Process numbers
 * are used again; the four together are not.
 */
export async function processIdentity(): Promise<string> {
  const [boot, namespace, born] = await Promise.all([bootId(), readlink('/proc/self/ns/pid'), birthOf(process.pid)]);
  return [boot, namespace, process.pid, born].join('|');
}

/** Whether a process of this machine is known to have ended. Of another machine's nothing is known. */
export async function isGone(identity: string): Promise<boolean> {
  const place = await placeOf(identity);
  return place !== undefined && (await birthOf(place.pid)) !== place.born;
}

/**
 * Kills the process behind an identity, and waits until the commands that it had started are killed too. A worker that
 * froze and lost its step to us would go on where it stood when it thaws; one that died may have left commands that its
 * reaper is just ending. A process of another machine or namespace is out of reach: its lock watch must stop it.
 * @returns whether the process and its commands are surely gone.
 */
export async function endPredecessor(identity: string): Promise<boolean> {
  const place = await placeOf(identity);
  if (place === undefined) return false;
  if (place.pid === process.pid) return true;
  const { pid, born } = place;
  if ((await birthOf(pid)) === born) process.kill(pid, 'SIGKILL');
  const gone = await until(async () => ((await birthOf(pid)) === born || (await reaperLives(pid)) ? undefined : true), {
    timeoutMs: GONE_MS,
  });
  return gone === true;
}

/** The process on this machine that an identity means, if it means one of this machine. */
async function placeOf(identity: string): Promise<{ pid: number; born: string } | undefined> {
  const [boot, namespace, number, born = ''] = identity.split('|');
  const here = boot === (await bootId()) && namespace === (await readlink('/proc/self/ns/pid'));
  const pid = Number(number);
  return here && Number.isInteger(pid) && pid > 1 ? { pid, born } : undefined;
}

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

/** Clock ticks between boot and the start of a process; empty when it is gone, or dead and not yet collected. */
async function birthOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // "pid (name) state …": the name may hold spaces and parentheses; the start time is field 22.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? '' : (fields[19] ?? '');
}

/** The reaper carries its worker's number as an argument, and ends when it has killed what the worker left. */
async function reaperLives(owner: number): Promise<boolean> {
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(numbers.map((number) => readFile(`/proc/${number}/cmdline`, 'utf8').catch(() => '')));
  return lines.some((line) => {
    const words = line.split('\0');
    return words.some((word) => word.endsWith('/reaper.sh')) && words.includes(String(owner));
  });
}
