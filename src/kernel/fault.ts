/** Named points at which a test may stop, freeze, fail or slow down a process. Off, and free, unless told otherwise. */
import { appendFileSync, existsSync, readdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';

/**
 * Every point, with the race that it opens. `step` points are passed by workers, the others by the controller.
 */
export const faultPoints = {
  'accept.before': 'a request has arrived, nothing is written',
  'accept.after': 'the run is written, no job stands for it',
  'intend.before': 'results are read, the next intention is not written',
  'intend.after': 'the intention is written, its job is not added',
  'send.before': 'the job of a written intention is about to be added',
  'send.after': 'the job is added, the root is not parked',
  'undo.before': 'an undo step is about to be sent',
  'finish.before': 'the decision to end is made, the terminal status is not written',
  'finish.after': 'the terminal status is written, the root job is not finished, the next run not started',
  'step.before': 'a worker has taken the step, nothing has happened',
  'step.effect': 'the step has taken effect, its result is not reported',
  'step.after': 'Redis has the result, the worker has told nobody',
  'capture.middle': 'a part of the data is in the set',
  'seal.before-rename': 'the set is whole but does not have its final name',
  'copy.middle': 'a part of the set is at the destination',
  'copy.before-rename': 'the copy is whole but does not have its final name',
  'retain.middle': 'a set is about to be removed',
  'fire.before': 'a schedule is due, its disposition and its run are not written',
  'fire.after': 'the disposition and the run are written, the run is not started',
} as const satisfies Record<string, string>;

export type FaultPoint = keyof typeof faultPoints;

const SLOW_MS = 1_000;
const HOLD_LOOK_MS = 5;

/** Where this file lies among the orders, each passage is written down as a line `PROGRAM POINT`. */
export const PASSAGES_FILE = 'passages';

/**
 * A directory of orders: a file `POINT~ACTION~N` is an order for the N-th time that any process passes the point.
 * `die`: SIGKILL. `freeze`: SIGSTOP. `fail`: throws. `slow`: the whole thread stands still for a second, or for N
 * milliseconds as `slow-N`. `hold`: it stands still until the file `held~POINT` is removed.
 */
const orders = process.env['HOMELAB_AUTOPILOT_FAULTS'];

/** Passes a point. Without orders this is one comparison. */
export function faultPoint(point: FaultPoint): void {
  if (orders !== undefined) obey(orders, point);
}

/** An order counts down by renaming, and is gone once it is carried out: a restarted process does not die of it again. */
function obey(directory: string, point: FaultPoint): void {
  const names = readdirSync(directory);
  if (names.includes(PASSAGES_FILE)) {
    appendFileSync(join(directory, PASSAGES_FILE), `${basename(process.argv[1] ?? '', '.ts')} ${point}\n`);
  }
  for (const name of names) {
    const [at, action = '', count = '1'] = name.split('~');
    if (at !== point) continue;
    const left = Number(count) - 1;
    const carriedOut = `${action === 'hold' ? 'held' : 'done'}~${at}`;
    try {
      renameSync(join(directory, name), join(directory, left > 0 ? `${at}~${action}~${left}` : carriedOut));
    } catch {
      // Another process passed the same point first: the order was for that one.
      continue;
    }
    if (left <= 0) carryOut(action, { point, held: join(directory, carriedOut) });
  }
}

function carryOut(action: string, { point, held }: { point: FaultPoint; held: string }): void {
  const [what, ms = SLOW_MS] = action.split('-');
  if (what === 'die') process.kill(process.pid, 'SIGKILL');
  if (what === 'freeze') process.kill(process.pid, 'SIGSTOP');
  if (what === 'slow') standStill(Number(ms));
  if (what === 'fail') throw new Error(`fault ordered at ${point}`);
  if (what === 'hold') while (existsSync(held)) standStill(HOLD_LOOK_MS);
}

function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
