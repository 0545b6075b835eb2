/** Ends a process group as a whole: asked first, then killed, and not believed gone before it is. */
import { readdir, readFile } from 'node:fs/promises';
import { systemCode } from '#kernel/errors.ts';
import { until } from '#kernel/wait.ts';

/** A process that the kernel holds (a dead network share) may outlive its SIGKILL for long; after this we go on. */
const LAST_WAIT_MS = 10_000;

/**
 * SIGTERM, and after `graceMs` SIGKILL, to every process of the group.
 * @returns whether the group is gone. It may not be when the kernel holds a member, or when it belongs to another user.
 */
export async function endGroup(pgid: number, graceMs: number): Promise<boolean> {
  if (!signalGroup(pgid, 'SIGTERM')) return true;
  // A stopped process gets its SIGTERM only when it goes on.
  signalGroup(pgid, 'SIGCONT');
  const ended = await until(() => isGone(pgid), { timeoutMs: graceMs, everyMs: 20 });
  if (ended === true) return true;
  const killed = await until(() => killAndLook(pgid), { timeoutMs: LAST_WAIT_MS, everyMs: 20 });
  return killed === true;
}

/** Sent again at each look: a member may have forked between two. */
async function killAndLook(pgid: number): Promise<true | undefined> {
  signalGroup(pgid, 'SIGKILL');
  return isGone(pgid);
}

async function isGone(pgid: number): Promise<true | undefined> {
  return !signalGroup(pgid, 0) || !(await hasLivingMember(pgid)) || undefined;
}

/** @returns whether there is such a group. One that we may not signal is there. */
function signalGroup(pgid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pgid, signal);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}

/** A zombie counts as dead: in a container whose first process does not collect them it would stay for ever. */
async function hasLivingMember(pgid: number): Promise<boolean> {
  const entries = await readdir('/proc').catch(() => undefined);
  if (entries === undefined) return true;
  const pids = entries.filter((name) => /^\d+$/.test(name));
  const members = await Promise.all(pids.map(async (pid) => groupAndState(pid)));
  return members.some((member) => member.pgid === pgid && member.state !== 'Z' && member.state !== 'X');
}

async function groupAndState(pid: string): Promise<{ pgid: number; state: string }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // "pid (name) state ppid pgrp …"; the name may hold spaces and parentheses.
  const [state = 'X', , pgrp = '-1'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { pgid: Number(pgrp), state };
}
