/** Asks for a change, and follows the task that makes it to its end. */
import { pause } from '#kernel/wait.ts';
import { milliseconds } from '#sdk/duration.ts';
import { TaskLog, TaskStatus, Tasks, Upid } from './answers.ts';
import { ask, idOfToken, type Pve, type Question, read, tokenOf } from './api.ts';

/** `unknown`: an answer was lost, or the task's process died; only a look at the guest tells. */
export type End =
  | { kind: 'done' }
  | { kind: 'failed'; status?: number; text: string }
  | { kind: 'unknown'; text: string };

/** Where a change is made: its tasks are found by these. */
export interface Place {
  node: string;
  vmid: string;
}

const SUCCESS = /^(?:OK|WARNINGS: \d+)$/;
const FIRST_POLL_MS = 50;
const LAST_POLL_MS = 1_000;

/** @param nothing whether an answer without a task is a success: a removal may be done at once. */
export async function perform(pve: Pve, at: Place, question: Question, nothing = false): Promise<End> {
  const before = new Set(await ownTasks(pve, at, 'all'));
  pve.tools.signal.throwIfAborted();
  const reply = await ask(pve, question);
  if (reply.kind === 'refused') return { kind: 'failed', status: reply.status, text: reply.text };
  if (reply.kind === 'lost') return await searchedFor(pve, { at, before, why: reply.text });
  const upid = Upid.safeParse(reply.data);
  if (upid.success) return await follow(pve, upid.data);
  if (nothing && (reply.data === null || reply.data === undefined)) return { kind: 'done' };
  // A backup of a guest that is not on that node (any more) is "OK", and there is none.
  return { kind: 'failed', text: `it answered ${JSON.stringify(reply.data)} and started no task` };
}

/** What an earlier execution began is let end before anything is looked at. */
export async function settled(pve: Pve, at: Place): Promise<void> {
  for (const upid of await ownTasks(pve, at, 'active')) await follow(pve, upid);
}

/** Tells what happened after all: a task of ours that was not there before is the one that was asked for. */
async function searchedFor(
  pve: Pve,
  { at, before, why }: { at: Place; before: Set<string>; why: string },
): Promise<End> {
  const { tools } = pve;
  const deadline = Date.now() + milliseconds(tools.config.patience);
  while (Date.now() < deadline) {
    const upid = (await ownTasks(pve, at, 'all')).find((one) => !before.has(one));
    if (upid !== undefined) return await follow(pve, upid);
    await pause(LAST_POLL_MS / 2, tools.signal);
    tools.signal.throwIfAborted();
  }
  return { kind: 'unknown', text: why };
}

async function ownTasks(pve: Pve, { node, vmid }: Place, source: 'active' | 'all'): Promise<string[]> {
  const mine = `:${idOfToken(await tokenOf(pve.tools))}:`;
  const tasks = await read(pve, Tasks, { path: ['nodes', node, 'tasks'], params: { vmid, source } });
  return tasks.map(({ upid }) => upid).filter((upid) => Upid.safeParse(upid).success && upid.endsWith(mine));
}

/** The one that this token began last, on any of the nodes, for a guest. Of two in one second, the one that removes. */
export async function lastOwnTask(
  pve: Pve,
  nodes: readonly string[],
  vmid: string,
): Promise<{ type: string } | undefined> {
  const all = await Promise.all(nodes.map((node) => ownTasks(pve, { node, vmid }, 'all')));
  const tasks = all.flat().map((upid) => {
    const [, , , , started = '', type = ''] = upid.split(':');
    return { type, started: Number.parseInt(started, 16), removes: type.endsWith('destroy') };
  });
  return tasks.toSorted((a, b) => b.started - a.started || Number(b.removes) - Number(a.removes))[0];
}

async function follow(pve: Pve, upid: string): Promise<End> {
  // The task runs where its name says, wherever the guest is by now.
  const path = ['nodes', upid.split(':')[1] ?? '', 'tasks', upid];
  for (let wait = FIRST_POLL_MS; ; wait = Math.min(wait * 2, LAST_POLL_MS)) {
    pve.tools.signal.throwIfAborted();
    const { status, exitstatus = '' } = await read(pve, TaskStatus, { path: [...path, 'status'] });
    if (status !== 'stopped') {
      await pause(wait, pve.tools.signal);
      continue;
    }
    if (SUCCESS.test(exitstatus)) return { kind: 'done' };
    if (exitstatus === '' || exitstatus === 'unexpected status') {
      return { kind: 'unknown', text: 'the process of the task died' };
    }
    return { kind: 'failed', text: await why(pve, path, exitstatus) };
  }
}

/** A backup that failed says only "job errors"; the reason is in its log. */
async function why(pve: Pve, path: readonly string[], exitstatus: string): Promise<string> {
  if (exitstatus !== 'job errors') return exitstatus;
  const log = await read(pve, TaskLog, { path: [...path, 'log'], params: { limit: 500 } });
  const error = log.map(({ t }) => t).find((line) => line.startsWith('ERROR: '));
  return error?.slice('ERROR: '.length) ?? exitstatus;
}
