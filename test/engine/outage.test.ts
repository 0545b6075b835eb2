/** How long a service was stopped: added up from the steps that stopped it and had it run again. */
import { expect, test } from 'vitest';
import { outageMs } from '#engine/outage.ts';
import type { StepStatus } from '#engine/run.ts';

type Told = Parameters<typeof outageMs>[0][number];

/** A step from one second of a minute to another. */
function step(action: string, from: number, to: number, more: Partial<Told> = {}): Told {
  const at = (second: number) => new Date(Date.UTC(2026, 2, 1, 3, 0, second)).toISOString();
  return { action, status: 'succeeded', startedAt: at(from), finishedAt: at(to), outage: false, ...more };
}

const quiesce = step('quiesce', 5, 7, { outage: true });

test('a backup stops its service from the beginning of the stop until it works again', () => {
  const steps = [step('sources', 0, 1), quiesce, step('capture', 7, 11), step('resume', 11, 13), step('seal', 13, 50)];

  expect(outageMs(steps)).toBe(8_000);
});

test('a service that goes on while its files are read is not stopped', () => {
  expect(outageMs([{ ...quiesce, outage: false }, step('capture', 7, 11), step('resume', 11, 13)])).toBeNull();
});

test('a guest that stops for its snapshot is not stopped by the question whether that can be', () => {
  expect(outageMs([step('canSnapshot', 0, 1, { outage: true }), step('resume', 2, 3)])).toBeNull();
});

test('an update that is rolled back has stopped its service twice, however the steps are listed', () => {
  const back = [step('standby', 40, 42), step('restore', 42, 45), step('revert', 45, 48), step('validate', 48, 52)];
  const steps = [...back, quiesce, step('resume', 11, 13), step('update', 20, 30)];

  expect(outageMs(steps)).toBe(8_000 + 8_000);
});

test('databases that are stopped after the rest do not begin a second outage', () => {
  const later = step('quiesce', 8, 9, { outage: true });

  expect(outageMs([quiesce, step('dump', 7, 8), later, step('resume', 11, 13)])).toBe(8_000);
});

test.each<[string, StepStatus]>([
  ['has not begun', 'dispatched'],
  ['goes on', 'running'],
  ['has failed', 'failed'],
])('while the start %s nobody knows how long it was', (_, status) => {
  expect(outageMs([quiesce, step('resume', 11, 13, { status, finishedAt: null })])).toBeNull();
});
