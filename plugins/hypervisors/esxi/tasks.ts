/** Has a change made, and follows the task that makes it to its end. */
import { pause } from '#kernel/wait.ts';
import { milliseconds } from '#sdk/duration.ts';
import type { EsxiTools } from './config.ts';
import type { End } from './platform.ts';
import type { Fault } from './refusals.ts';

export interface Task {
  key: string;
  state: 'active' | 'done' | 'failed';
  /** Why it failed. */
  fault: Fault;
  /** What it does, in the words of the platform. */
  what: string;
  /** Who asked for it, when the platform tells. */
  user: string | undefined;
}

/** Where the platform shows the tasks of one guest: those that go on, and some that ended. */
export interface Board {
  tools: EsxiTools;
  /** As the platform calls whoever asks here. */
  user: string;
  keys(): Promise<string[]>;
  all(): Promise<Task[]>;
  /** Undefined when it is not known any more. */
  one(key: string): Promise<Task | undefined>;
}

/** What came of asking. `begun`: whatever task is new is the one that was asked for, and there may be none. */
export type Sent =
  | { kind: 'task'; key: string }
  | { kind: 'begun' }
  | { kind: 'failed'; fault: Fault }
  | { kind: 'lost'; text: string };

const FIRST_POLL_MS = 50;
const LAST_POLL_MS = 1_000;

export async function perform(board: Board, send: () => Promise<Sent>): Promise<End> {
  const before = new Set(await board.keys());
  board.tools.signal.throwIfAborted();
  const sent = await send();
  if (sent.kind === 'failed') return sent;
  if (sent.kind === 'task') return await follow(board, sent.key);
  if (sent.kind === 'lost') return await searchedFor(board, before, sent.text);
  const started = await startedSince(board, before);
  return started === undefined ? { kind: 'done' } : await follow(board, started);
}

/** What an earlier execution of ours began is let end before anything is looked at. */
export async function settled(board: Board): Promise<void> {
  for (const task of await board.all()) {
    if (task.state === 'active' && isOurs(board, task)) await follow(board, task.key);
  }
}

/** Tells what happened after all: a task of ours that was not there before is the one that was asked for. */
async function searchedFor(board: Board, before: ReadonlySet<string>, why: string): Promise<End> {
  const { tools } = board;
  const deadline = Date.now() + milliseconds(tools.config.patience);
  while (Date.now() < deadline) {
    const started = await startedSince(board, before);
    if (started !== undefined) return await follow(board, started);
    await pause(LAST_POLL_MS / 2, tools.signal);
    tools.signal.throwIfAborted();
  }
  return { kind: 'unknown', text: why };
}

async function startedSince(board: Board, before: ReadonlySet<string>): Promise<string | undefined> {
  for (const key of (await board.keys()).filter((one) => !before.has(one))) {
    const task = await board.one(key);
    if (task !== undefined && isOurs(board, task)) return key;
  }
  return undefined;
}

/** One whose user is not told may be ours. */
function isOurs({ user }: Board, task: Task): boolean {
  return (task.user ?? user) === user;
}

async function follow(board: Board, key: string): Promise<End> {
  const { signal } = board.tools;
  for (let wait = FIRST_POLL_MS; ; wait = Math.min(wait * 2, LAST_POLL_MS)) {
    signal.throwIfAborted();
    const task = await board.one(key);
    if (task === undefined) return { kind: 'unknown', text: 'its task is not known any more' };
    if (task.state === 'done') return { kind: 'done' };
    if (task.state === 'failed') return { kind: 'failed', fault: task.fault };
    await pause(wait, signal);
  }
}
