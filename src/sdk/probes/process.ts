/** The process probe: a program is running on this host. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import type { Seen } from '#sdk/probes/seen.ts';
import { timeout } from '#sdk/probes/settings.ts';
import type { Tools } from '#sdk/tools.ts';

export const ProcessProbe = z.strictObject({
  type: z.literal('process'),
  match: z.string().min(1).describe('The program’s exact name, or a part of its command line'),
  user: z.string().min(1).optional().describe('The user that it must run as'),
  timeout,
});
type ProcessQuestion = Pick<z.output<typeof ProcessProbe>, 'match' | 'user'>;

interface Found {
  pid: number;
  parent: number;
  state: string;
  /** The kernel's name of it: at most 15 characters. */
  name: string;
  /** Empty for the kernel's own threads. */
  words: string[];
}

/**
 * Matches the program's exact name, or a part of the command line. We ourselves never match, and neither does what
 * started us: `homelab-autopilot backup notesd` has the word in its command line too.
 */
export async function askProcess(tools: Tools, { match, user }: ProcessQuestion): Promise<Seen> {
  const all = await processes();
  const ours = lineage(all);
  const uid = user === undefined ? undefined : await uidOf(tools, user);
  const matching = all.filter((found) => !ours.has(found.pid) && isRunning(found) && matches(found, match));
  const owned = await Promise.all(matching.map(async ({ pid }) => uid === undefined || (await ownerOf(pid)) === uid));
  const pids = matching.filter((_, index) => owned[index]).map(({ pid }) => pid);
  if (pids.length > 0)
    return { ok: true, detail: `runs as ${pids.length === 1 ? 'process' : 'processes'} ${some(pids)}` };
  const others =
    matching.length > 0 ? `, though another user runs it as process ${some(matching.map((m) => m.pid))}` : '';
  return { ok: false, detail: `no such process${others}` };
}

function matches({ name, words }: Found, match: string): boolean {
  if (name === match || basename(words[0] ?? '') === match) return true;
  return words.join(' ').includes(match);
}

function isRunning({ state }: Found): boolean {
  return state !== 'Z' && state !== 'X';
}

async function processes(): Promise<Found[]> {
  const entries = await readdir('/proc').catch(() => undefined);
  if (entries === undefined)
    throw new AutopilotError('HA_CHECK_FAILED', 'this system has no /proc to find processes in');
  const found = await Promise.all(entries.filter((entry) => /^\d+$/.test(entry)).map(look));
  return found.filter((process) => process !== undefined);
}

/** A process that ended while we looked is not there. */
async function look(pid: string): Promise<Found | undefined> {
  try {
    const [status, commandLine] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    // "pid (name) state ppid …"; the name may hold spaces and parentheses.
    const end = status.lastIndexOf(')');
    const [state = 'X', parent = '0'] = status.slice(end + 2).split(' ');
    const words = commandLine.split('\0').slice(0, -1);
    return { pid: Number(pid), parent: Number(parent), state, name: status.slice(status.indexOf('(') + 1, end), words };
  } catch {
    return undefined;
  }
}

function lineage(all: readonly Found[]): Set<number> {
  const parents = new Map(all.map(({ pid, parent }) => [pid, parent]));
  const ours = new Set<number>();
  for (let pid = process.pid; pid > 1 && !ours.has(pid); pid = parents.get(pid) ?? 0) ours.add(pid);
  return ours;
}

async function ownerOf(pid: number): Promise<number | undefined> {
  return stat(`/proc/${pid}`).then(
    ({ uid }) => uid,
    () => undefined,
  );
}

/** `id` asks all of the system's sources of users, not only `/etc/passwd`. */
async function uidOf(tools: Tools, user: string): Promise<number> {
  const { stdout } = await tools.exec(['id', '-u', '--', user]);
  return Number(stdout.trim());
}

function some(pids: readonly number[]): string {
  return pids.length > 3 ? `${pids.slice(0, 3).join(', ')} …` : pids.join(', ');
}
