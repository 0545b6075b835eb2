/** How long a cancelled step's processes live on, in a real homelab, beside the same family killed by hand. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Metric } from '#bench/metric.ts';
import { percentile } from '#bench/metric.ts';
import { isTerminal } from '#engine/run.ts';
import { derivedId, newId } from '#kernel/ids.ts';
import type { Lab, LabService } from '#test/chaos/lab.ts';
import { openLab } from '#test/chaos/lab.ts';
import { processesOf } from '#test/support/processes.ts';
import { root } from '#test/support/sources.ts';
import { eventually } from '#test/support/wait.ts';

const TIMES = 60;
/** A command, its child and its grandchild; none of them ends on SIGTERM. */
const FAMILY = { script: join(root, 'test', 'fixtures', 'drill', 'family.sh'), size: 3 };

export async function benchCancel(): Promise<Metric[]> {
  const bare: number[] = [];
  for (let time = 0; time < TIMES; time++) bare.push(await killByHand());
  const dead: number[] = [];
  const undone: number[] = [];
  await using lab = await openLab({ services: TIMES, workers: ['nas', 'pi'] });
  for (const service of lab.services) {
    const { deadMs, undoneMs } = await cancelOne(lab, service);
    dead.push(deadMs);
    undone.push(undoneMs);
  }
  return [
    metric('cancel → no process of the step left, p50', percentile(dead, 50), percentile(bare, 50)),
    metric('cancel → no process of the step left, p99', percentile(dead, 99), percentile(bare, 99)),
    metric('cancel → put back and ended, p99', percentile(undone, 99), percentile(bare, 99)),
  ];
}

function metric(name: string, value: number, baseline: number): Metric {
  return { name, value, unit: 'ms', baseline, ratio: baseline / value };
}

async function cancelOne(lab: Lab, { name, folder }: LabService): Promise<{ deadMs: number; undoneMs: number }> {
  await using controller = await lab.connect();
  const id = newId();
  await controller.enqueue({ id, workflow: 'exercise', services: [name], all: false, input: { hang: 'side-a' } });
  const run = derivedId('request', id, name);
  await eventually('the family is there', async () => (await familySize(folder)) === FAMILY.size);
  const asked = performance.now();
  await controller.cancel(run);
  await eventually('the family is gone', async () => (await familySize(folder)) === 0);
  const deadMs = performance.now() - asked;
  await eventually('the run has ended', () => {
    using history = lab.history();
    const status = history?.run(run)?.status;
    return status !== undefined && isTerminal(status);
  });
  return { deadMs, undoneMs: performance.now() - asked };
}

async function killByHand(): Promise<number> {
  const mark = randomUUID();
  const child = spawn('/bin/sh', [FAMILY.script, mark], { detached: true, stdio: 'ignore' });
  await eventually('the family is there', async () => (await familySize(mark)) === FAMILY.size);
  const asked = performance.now();
  process.kill(-(child.pid ?? 0), 'SIGKILL');
  await eventually('the family is gone', async () => (await familySize(mark)) === 0);
  return performance.now() - asked;
}

async function familySize(mark: string): Promise<number> {
  return (await processesOf(mark)).filter(({ command }) => command.includes(FAMILY.script)).length;
}
