/** What the chaos runner does to a homelab. Every fault ends by itself: afterwards everything could work again. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FaultPoint } from '#kernel/fault.ts';
import { pause } from '#kernel/wait.ts';
import { reachRedis } from '#queue/connection.ts';
import { managedSocket } from '#queue/managed-redis.ts';
import type { SmallDisk } from '#test/chaos/disk.ts';
import type { Lab } from '#test/chaos/lab.ts';
import type { Random } from '#test/chaos/random.ts';

export interface Kill {
  name: string;
  pid: number;
  at: number;
}

/** What went on, and when. */
export interface Span {
  name: string;
  from: number;
  to: number;
}

export interface Arena {
  lab: Lab;
  random: Random;
  kills: Kill[];
  counts: Record<string, number>;
  spans: Span[];
  /** Whether faults may happen that take longer than a short storm. */
  long: boolean;
  disks: { world?: SmallDisk; state?: SmallDisk };
  /** The names of the faults that may happen; null: all. */
  only: readonly string[] | null;
}

interface Fault {
  name: string;
  /** How often it is chosen, compared with the others. */
  weight: number;
  /** The choice of details is made at once, from the seed; the returned work may take its time. */
  prepare(arena: Arena): () => Promise<void>;
}

const CONTROLLER_POINTS: readonly FaultPoint[] = [
  'accept.before',
  'accept.after',
  'intend.before',
  'intend.after',
  'send.before',
  'send.after',
  'undo.before',
  'finish.before',
  'finish.after',
];
const WORKER_POINTS: readonly FaultPoint[] = ['step.before', 'step.effect', 'step.after'];

const BLOCKED_LONG = 'block event loop for a minute';

/** Longer than a lock lives. */
const BEYOND_A_LOCK = { from: 7_000, to: 9_000 };

const FAULTS: readonly Fault[] = [
  { name: 'kill worker', weight: 10, prepare: (arena) => killing(arena, aWorker(arena)) },
  { name: 'kill controller', weight: 8, prepare: (arena) => killing(arena, 'controller') },
  { name: 'kill redis', weight: 4, prepare: (arena) => killing(arena, 'redis') },
  { name: 'freeze worker', weight: 4, prepare: (arena) => freezing(arena, aWorker(arena), { from: 200, to: 9_000 }) },
  { name: 'freeze controller', weight: 3, prepare: (arena) => freezing(arena, 'controller', { from: 200, to: 4_000 }) },
  { name: 'freeze redis briefly', weight: 3, prepare: (arena) => freezing(arena, 'redis', { from: 100, to: 2_000 }) },
  { name: 'freeze redis beyond a lock', weight: 1, prepare: (arena) => freezing(arena, 'redis', BEYOND_A_LOCK) },
  { name: 'flush redis', weight: 2, prepare: (arena) => () => flush(arena) },
  { name: 'delete redis data', weight: 1, prepare: (arena) => () => deleteRedisData(arena) },
  { name: 'cut connection', weight: 3, prepare: (arena) => cutting(arena, 'cut') },
  { name: 'half-open connection', weight: 2, prepare: (arena) => cutting(arena, 'half-open') },
  { name: 'block event loop', weight: 2, prepare: (arena) => ordering(arena, WORKER_POINTS, 'slow-8000') },
  { name: BLOCKED_LONG, weight: 1, prepare: (arena) => ordering(arena, WORKER_POINTS, 'slow-60000') },
  { name: 'die at a controller point', weight: 8, prepare: (arena) => ordering(arena, CONTROLLER_POINTS, 'die') },
  { name: 'die at a worker point', weight: 8, prepare: (arena) => ordering(arena, WORKER_POINTS, 'die') },
  { name: 'world disk full', weight: 1, prepare: (arena) => filling(arena, 'world') },
  { name: 'state disk full', weight: 1, prepare: (arena) => filling(arena, 'state') },
];

export const FAULT_NAMES: readonly string[] = FAULTS.map(({ name }) => name);

export function chooseFault({ random, disks, only, long }: Arena): Fault {
  const possible = FAULTS.filter(({ name }) => {
    if (only !== null && !only.includes(name)) return false;
    if (name === BLOCKED_LONG) return long || only !== null;
    if (name === 'world disk full') return disks.world !== undefined;
    return name !== 'state disk full' || disks.state !== undefined;
  });
  let at = random.next() * possible.reduce((sum, { weight }) => sum + weight, 0);
  for (const fault of possible) {
    at -= fault.weight;
    if (at < 0) return fault;
  }
  throw new Error('the weights of the faults do not add up');
}

function aWorker({ lab, random }: Arena): string {
  return random.pick(
    Object.keys(lab.pids())
      .filter((name) => name.startsWith('worker'))
      .toSorted(),
  );
}

function killing(arena: Arena, name: string): () => Promise<void> {
  return async () => kill(arena, name);
}

function kill({ lab, kills }: Arena, name: string): void {
  const pid = lab.pids()[name];
  if (pid !== undefined && send(pid, 'SIGKILL')) kills.push({ name, pid, at: Date.now() });
}

function freezing({ lab, random }: Arena, name: string, span: { from: number; to: number }): () => Promise<void> {
  const ms = random.whole(span.from, span.to);
  return async () => {
    const pid = lab.pids()[name];
    if (pid === undefined || !send(pid, 'SIGSTOP')) return;
    await pause(ms);
    send(pid, 'SIGCONT');
  };
}

async function flush({ lab }: Arena): Promise<void> {
  const redis = await reachRedis({ socket: managedSocket(lab.stateDir) }).catch(() => undefined);
  await redis?.flushall().catch(() => undefined);
  redis?.disconnect();
}

async function deleteRedisData(arena: Arena): Promise<void> {
  const data = join(arena.lab.stateDir, 'redis', 'appendonlydir');
  // Deleted before the kill, so that the supervisor's new server finds nothing.
  await rm(data, { recursive: true, force: true });
  kill(arena, 'redis');
}

function cutting({ lab, random }: Arena, state: 'cut' | 'half-open'): () => Promise<void> {
  const ms = random.whole(300, 8_000);
  return async () => {
    lab.proxy.set(state);
    await pause(ms);
    lab.proxy.set('whole');
  };
}

function ordering({ lab, random }: Arena, points: readonly FaultPoint[], action: string): () => Promise<void> {
  const name = `${random.pick(points)}~${action}~${random.whole(1, 30)}`;
  return () => writeFile(join(lab.orders, name), '');
}

function filling({ disks, random }: Arena, which: 'world' | 'state'): () => Promise<void> {
  const ms = random.whole(500, 3_000);
  return async () => {
    const disk = disks[which];
    await disk?.fill();
    await pause(ms);
    await disk?.free();
  };
}

/** @returns whether the process was there. */
function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/**
 * Faults after which no living worker may have to give a step away: whoever was at it could do his part. Who died is
 * known by number.
 */
const HARMLESS: ReadonlySet<string> = new Set([
  'kill worker',
  'die at a worker point',
  'kill controller',
  'freeze controller',
  'die at a controller point',
  'block event loop',
  BLOCKED_LONG,
]);

/** Whether something went on that may rightly have cost a living worker its step. */
export function harmed(spans: readonly Span[], { from, to }: { from: number; to: number }): boolean {
  return spans.some((span) => !HARMLESS.has(span.name) && span.from <= to && span.to >= from);
}
