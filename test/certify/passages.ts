/** Which fault points a run passes, how often, and in which program: the list of instants at which to kill. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FaultPoint } from '#kernel/fault.ts';
import { faultPoints, PASSAGES_FILE } from '#kernel/fault.ts';

export type Program = 'controller' | 'service' | 'hypervisor';

/** The N-th time that a run passes a point. */
export interface Passage {
  point: FaultPoint;
  count: number;
  program: Program;
}

/** Reads what was written down during one run, in the order in which it happened. */
export function passagesIn(orders: string): Passage[] {
  const counts = new Map<FaultPoint, number>();
  return readFileSync(join(orders, PASSAGES_FILE), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [program, point] = line.split(' ');
      if (!isPoint(point) || !isProgram(program)) {
        throw new Error(`an unexpected passage: ${line}`);
      }
      const count = (counts.get(point) ?? 0) + 1;
      counts.set(point, count);
      return { point, count, program };
    });
}

function isProgram(word: string | undefined): word is Program {
  return word === 'controller' || word === 'service' || word === 'hypervisor';
}

function isPoint(word: string | undefined): word is FaultPoint {
  return word !== undefined && word in faultPoints;
}
