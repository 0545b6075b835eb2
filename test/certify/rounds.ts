/** Bad updates of a Compose project on a real engine, each with a fault at a random instant of the change or of its way back. */
import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunDetail, StepView } from '#engine/run.ts';
import type { FaultPoint } from '#kernel/fault.ts';
import { PASSAGES_FILE } from '#kernel/fault.ts';
import { until } from '#kernel/wait.ts';
import { type Passage, passagesIn } from '#test/certify/passages.ts';
import { type Random, seeded } from '#test/chaos/random.ts';
import { type ComposeLab, startComposeLab } from '#test/support/compose-lab.ts';

/** What happens at the instant: the program that passes it dies or fails, the engine dies, or somebody removes the container. */
const FAULTS = ['die', 'die', 'die', 'fail', 'engine', 'remove'] as const;
type Fault = (typeof FAULTS)[number];

export interface Round {
  fault: string;
  /** False when this run did not pass the point so often. */
  reached: boolean;
  problems: string[];
  /** From the verdict of the gate, or from the failure of the update itself, until the old version has passed the gate. */
  backMs: number | null;
}

export interface RoundsWish {
  rounds: number;
  seed: number;
  signal: AbortSignal;
  setEnv(name: string, value: string): void;
  tell(line: string): void;
}

const HELD_MS = 60_000;

export async function faultyRounds({ rounds, seed, signal, setEnv, tell }: RoundsWish): Promise<Round[]> {
  const updates = '{ policy: minor, gate: { timeout: 3s, stable_for: 500ms } }';
  await using lab = await startComposeLab({ updates }, setEnv);
  await lab.open();
  const passages = await passagesOfTheChange(lab);
  const random = seeded(seed);
  const done: Round[] = [];
  while (done.length < rounds && !signal.aborted) {
    const round = await oneRound(lab, { number: done.length + 1, passage: random.pick(passages), random });
    done.push(round);
    const verdict = round.problems.length === 0 ? 'right' : round.problems.join('; ');
    const time = round.backMs === null ? '' : ` (back after ${(round.backMs / 1_000).toFixed(1)} s)`;
    tell(`${done.length} of ${rounds}: ${round.fault}: ${round.reached ? '' : 'not passed; '}${verdict}${time}`);
  }
  return done;
}

/** Whether the old version has been started again by then. */
type Instant = Passage & { runsAgain: boolean };

/** An update that nobody disturbs tells which instants there are, from the change itself to the end of the way back. */
async function passagesOfTheChange(lab: ComposeLab): Promise<Instant[]> {
  await writeFile(join(lab.faults, PASSAGES_FILE), '');
  const run = await badUpdate(lab, 0);
  const all = passagesIn(lab.faults);
  await rm(join(lab.faults, PASSAGES_FILE));
  const steps = run.steps
    .filter((step) => step.startedAt !== null)
    .toSorted((a, b) => ((a.startedAt ?? '') < (b.startedAt ?? '') ? -1 : 1));
  const beginning = (place: number) =>
    all.findIndex(({ point, count }) => point === 'step.before' && count === place + 1);
  const effectOfLast = (action: string) => {
    const start = beginning(steps.findLastIndex((step) => step.action === action));
    return all.findIndex(({ point }, index) => index > start && point === 'step.effect');
  };
  const started = effectOfLast('revert');
  const from = beginning(steps.findIndex(({ action }) => action === 'update'));
  return all
    .map((passage, index): Instant => ({ ...passage, runsAgain: index >= started }))
    .slice(from, effectOfLast('validate'));
}

interface Wish {
  number: number;
  passage: Instant;
  random: Random;
}

async function oneRound(lab: ComposeLab, { number, passage, random }: Wish): Promise<Round> {
  const { point, count, program, runsAgain } = passage;
  // What fails in a controller is no step: there is nothing that could be tried again. And who stops the old version once
  // it runs again is found out by the gate, which then calls a person.
  const possible = FAULTS.filter((one) => one !== 'fail' || program === 'service').filter(
    (one) => !runsAgain || one === 'die' || one === 'fail',
  );
  const fault = random.pick(possible);
  const before = { image: await lab.runningImage(), file: await lab.written('compose.yaml') };
  const held = fault === 'engine' || fault === 'remove';
  const ended = new AbortController();
  await writeFile(join(lab.faults, `${point}~${held ? 'hold' : fault}~${count}`), '');
  const mischief = held ? whileHeld(lab, { point, fault, ended: ended.signal }) : undefined;
  const run = await badUpdate(lab, number);
  ended.abort();
  await mischief;
  const left = await readdir(lab.faults);
  for (const order of left) await rm(join(lab.faults, order), { force: true });
  return {
    fault: `${fault} at ${point} #${count} (${program})`,
    reached: !left.some((name) => name.startsWith(`${point}~`)),
    problems: await problemsAfter(lab, run, before),
    backMs: backMs(run.steps),
  };
}

async function badUpdate(lab: ComposeLab, number: number): Promise<RunDetail> {
  await lab.release(`1.${number + 1}`, { bad: true });
  const deadline = Date.now() + HELD_MS;
  for (;;) {
    try {
      return await lab.run('update');
    } catch (error) {
      // Nothing was accepted: a controller of the round before has not come back yet, or waits for the processor.
      const isAway = error instanceof Error && error.message.includes('no controller is there');
      if (!isAway || Date.now() > deadline) throw error;
    }
  }
}

async function whileHeld(
  lab: ComposeLab,
  { point, fault, ended }: { point: FaultPoint; fault: Fault; ended: AbortSignal },
): Promise<void> {
  const held = join(lab.faults, `held~${point}`);
  await until(() => (existsSync(held) || ended.aborted ? true : undefined), { timeoutMs: HELD_MS });
  if (!existsSync(held)) return;
  try {
    if (fault === 'engine') {
      await lab.engine.kill();
      await lab.engine.restart();
    } else {
      const there = await lab.container();
      if (there !== '') await lab.engine.docker('rm', '--force', ...there.split('\n'));
    }
  } finally {
    await rm(held, { force: true });
  }
}

/** Old image, old data, old file, all of it healthy, nothing left over. */
async function problemsAfter(
  lab: ComposeLab,
  { status, reason }: RunDetail,
  before: { image: string; file: string },
): Promise<string[]> {
  const problems = status === 'rolled_back' ? [] : [`it ended as ${status}: ${reason}`];
  const look = async (what: string, found: () => Promise<string>, wanted: string) => {
    const is = await found().catch((error: unknown) => String(error));
    if (is !== wanted) problems.push(`${what} is ${JSON.stringify(is)}, not ${JSON.stringify(wanted)}`);
  };
  await look('the image', lab.runningImage, before.image);
  await look('the data', () => lab.inWeb('cat', '/data/schema', '/data/note'), '1.0\nprecious');
  await look('the compose file', () => lab.written('compose.yaml'), before.file);
  const health = async () => lab.engine.docker('inspect', '-f', '{{.State.Health.Status}}', await lab.container());
  await look('the container', health, 'healthy');
  const staged = await readdir(join(lab.lab.dir, 'state/backups/staging')).catch(() => []);
  if (staged.length > 0) problems.push(`left in staging: ${staged.join(', ')}`);
  return problems;
}

function backMs(steps: readonly StepView[]): number | null {
  const verdict = steps.findLast(({ undo, status }) => !undo && status === 'failed')?.finishedAt ?? null;
  const back = steps.find(({ undo, action, status }) => undo && action === 'validate' && status === 'succeeded');
  if (verdict === null || back === undefined || back.finishedAt === null) return null;
  return Date.parse(back.finishedAt) - Date.parse(verdict);
}

/** `100/100 right, p50 6.1 s, p99 31.4 s from the verdict to healthy again`. */
export function roundsLine(rounds: readonly Round[]): string {
  const right = rounds.filter(({ problems }) => problems.length === 0).length;
  const reached = rounds.filter((round) => round.reached).length;
  const times = rounds.flatMap(({ backMs }) => backMs ?? []).toSorted((a, b) => a - b);
  const at = (share: number) => ((times[Math.ceil(share * times.length) - 1] ?? Number.NaN) / 1_000).toFixed(1);
  const figures = `p50 ${at(0.5)} s, p99 ${at(0.99)} s, longest ${at(1)} s`;
  return `${right}/${rounds.length} right, ${reached} faults met; from the verdict to healthy again: ${figures}`;
}
