/** One breakage of a copy: the real update workflow is run, and what it leaves is held against what was there before. */
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Acting, act } from '#app/act.ts';
import { withTools } from '#app/local-tools.ts';
import { refOf } from '#app/plugin-ref.ts';
import { type Clone, cloneName } from '#app/rehearse/clone.ts';
import { changedSince, victimsOf } from '#app/rehearse/fingerprint.ts';
import { writeOrders } from '#app/rehearse/orders.ts';
import type { PracticeLab } from '#app/rehearse/practice-lab.ts';
import type { Scenario } from '#app/rehearse/scenarios.ts';
import { isTerminal, type RunDetail } from '#engine/run.ts';
import { errorText } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { JsonObject } from '#kernel/json.ts';
import { pause } from '#kernel/wait.ts';
import { service as kind, type RunningImage } from '#sdk/kinds/service.ts';

export interface Bench {
  lab: PracticeLab;
  clone: Clone;
  trial: string;
  /** To ask the copy's own plugin. */
  acting: Acting;
  gate: { timeoutMs: number; stableForMs: number };
  /** What ran when the copy was made. */
  images: readonly RunningImage[];
  candidate: readonly { name: string; source: string }[];
}

export interface Attempt {
  name: string;
  /** Null: it could not be tried here. */
  ok: boolean | null;
  /** How the update ended. */
  status: string;
  detail: string;
  seconds: number;
}

const LOOK_MS = 200;
const SPOILED = 20;

/** One page, and one name besides the directory itself. */
const FULL = 'size=4k,nr_inodes=2';

export async function attempt(bench: Bench, scenario: Scenario): Promise<Attempt> {
  const began = performance.now();
  const told = (facts: Omit<Attempt, 'name' | 'seconds'>): Attempt => ({
    name: scenario.name,
    ...facts,
    seconds: Math.round((performance.now() - began) / 100) / 10,
  });
  await order(bench, scenario);
  await using disk = new AsyncDisposableStack();
  if (scenario.full) {
    const refusal = await fillDisk(bench, disk);
    if (refusal !== null) return told({ ok: null, status: 'not tried', detail: refusal });
  }
  const { run, kills } = await updateCopy(bench, scenario);
  await disk.disposeAsync();
  const problems = run.status === scenario.status ? [] : [`it ended as ${run.status}: ${run.reason ?? 'no reason'}`];
  if (scenario.kill && kills === 0) problems.push('nothing was killed');
  if (run.status === 'succeeded') problems.push(...(await wayBackByHand(bench)));
  problems.push(...(await notAsBefore(bench)));
  const killed = kills === 0 ? '' : `, killed ${kills} times`;
  const good = `image, configuration and ${bench.clone.settled.size} files as before${killed}`;
  return told({ ok: problems.length === 0, status: run.status, detail: problems.join('; ') || good });
}

async function order({ lab, clone, candidate, trial }: Bench, { breakage }: Scenario): Promise<void> {
  const broken = breakage === 'does-not-start';
  await writeOrders(lab.orders, {
    breakage,
    images: candidate.map(({ name, source }, index) => ({
      name,
      source: broken ? null : source,
      reference: `homelab-autopilot/trial:${trial}-${broken ? 'broken' : 'new'}-${index}`,
    })),
    spoil: victimsOf(clone.settled, SPOILED),
  });
}

/** Waits for the end, and kills the worker again as soon as it has come one step further, if that is wanted. */
async function updateCopy(bench: Bench, { kill }: Scenario): Promise<{ run: RunDetail; kills: number }> {
  const { faults } = bench.lab;
  const carriedOut = join(faults, 'done~step.effect');
  let kills = 0;
  if (kill) await writeFile(join(faults, 'step.effect~die~1'), '');
  const run = await finished(bench, { workflow: 'update', input: {} }, async () => {
    if (!existsSync(carriedOut)) return;
    kills += 1;
    await rm(carriedOut);
    // The step that was cut short passes first, and then the next one.
    await writeFile(join(faults, 'step.effect~die~2'), '');
  });
  for (const count of [1, 2]) await rm(join(faults, `step.effect~die~${count}`), { force: true });
  return { run, kills };
}

async function wayBackByHand(bench: Bench): Promise<string[]> {
  const run = await finished(bench, { workflow: 'rollback', input: {} }, async () => undefined);
  return run.status === 'succeeded'
    ? []
    : [`the rollback by hand ended as ${run.status}: ${run.reason ?? 'no reason'}`];
}

async function finished(
  { lab, trial, acting }: Bench,
  { workflow, input }: { workflow: string; input: JsonObject },
  meanwhile: () => Promise<void>,
): Promise<RunDetail> {
  const request = { id: newId(), workflow, services: [cloneName(trial)], all: false, input };
  const [accepted] = await lab.controller.enqueue(request);
  if (accepted === undefined) throw new Error('the copy was not accepted');
  for (;;) {
    acting.signal.throwIfAborted();
    await meanwhile();
    const run = await lab.controller.run(accepted.id);
    if (isTerminal(run.status)) return run;
    await pause(LOOK_MS, acting.signal);
  }
}

/** The engine, and the files, must say that nothing has happened; the copy's own gate must say that it works. */
async function notAsBefore({ clone, trial, images, gate, acting }: Bench): Promise<string[]> {
  const plugin = refOf('service', { name: cloneName(trial), type: 'docker-compose', config: clone.config });
  const { images: now } = await act(acting, kind, { action: 'versions', plugin });
  const verdict = await act(acting, kind, { action: 'validate', plugin, input: { ...gate } });
  const changed = await changedSince(clone.settled);
  const other = images.filter(({ name, imageId }) => !now.some((one) => one.name === name && one.imageId === imageId));
  return [
    ...other.map(({ name, reference }) => `${name} does not run ${reference}`),
    ...(changed.length === 0 ? [] : [`${changed.length} files are not as before, the first is ${changed[0]}`]),
    ...(verdict.healthy ? [] : [`it does not work: ${verdict.summary}`]),
  ];
}

/** A file system without room takes the place of the staging area. @returns why that cannot be. */
async function fillDisk({ lab, acting }: Bench, stack: AsyncDisposableStack): Promise<string | null> {
  if (process.getuid?.() !== 0) return 'only root can mount a file system that is full';
  const exec = (...argv: [string, ...string[]]) =>
    withTools(lab.settings, { name: 'local', signal: acting.signal, progress: () => undefined }, (tools) =>
      tools.exec(argv),
    );
  try {
    await exec('mount', '-t', 'tmpfs', '-o', FULL, 'rehearsal', lab.staging);
  } catch (error) {
    return `no file system can be mounted here: ${errorText(error)}`;
  }
  stack.defer(async () => {
    await exec('umount', '--lazy', lab.staging);
  });
  return null;
}
