/** Kills a controller or a worker at every point that a run passes, one at a time, and looks whether the promises held. */
import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RemoteController } from '#engine/requests.ts';
import { isTerminal } from '#engine/run.ts';
import type { FaultPoint } from '#kernel/fault.ts';
import { PASSAGES_FILE } from '#kernel/fault.ts';
import { derivedId, newId } from '#kernel/ids.ts';
import type { JsonObject } from '#kernel/json.ts';
import { pause, until } from '#kernel/wait.ts';
import type { Passage, Program } from '#test/certify/passages.ts';
import { passagesIn } from '#test/certify/passages.ts';
import type { Scenario } from '#test/certify/scenarios.ts';
import { SINCE } from '#test/certify/scenarios.ts';
import type { Lab, LabService } from '#test/chaos/lab.ts';
import { openLab } from '#test/chaos/lab.ts';
import { BAD_VERSION, files } from '#test/fixtures/drill/world.ts';
import { processesOf } from '#test/support/processes.ts';

export interface Case {
  scenario: Scenario;
  passage: Passage;
  victim: Program;
}

export interface Outcome extends Case {
  /** False when this run did not pass the point so often: branches side by side are not the same each time. */
  reached: boolean;
  problems: string[];
  /** From the request to the end. */
  ms: number;
}

/** What a run passes when nobody is killed. */
export interface Undisturbed {
  scenario: string;
  steps: number;
  points: FaultPoint[];
}

export interface Certificate {
  undisturbed: Undisturbed[];
  outcomes: Outcome[];
  /** Processes that were there when everything was stopped. */
  leaked: string[];
  seconds: number;
}

export interface CertifyWish {
  scenarios: readonly Scenario[];
  /** Homelabs that are used side by side. */
  labs: number;
  /** How long a run may take until it counts as one that does not end; a busy machine takes longer. */
  patienceMs: number;
  /** Takes every so-many-th case; the rest is left out. */
  every: number;
  /** Ends it early, in order; what was not tried out then is missing. */
  signal: AbortSignal;
  tell(line: string): void;
}

const HELD_MS = 20_000;

/** Cases, and the runs that write down the passages, have a service each. */
const SERVICES = 400;

/** Services in a guest of a hypervisor. */
const GUESTS = 1;

export async function certify(wish: CertifyWish): Promise<Certificate> {
  const begun = Date.now();
  const { patienceMs } = wish;
  const labs = await Promise.all(
    Array.from({ length: wish.labs }, () => openLab({ services: SERVICES, guests: GUESTS })),
  );
  const leaked: string[] = [];
  try {
    const benches = labs.map((lab) => ({
      lab,
      patienceMs,
      services: [...lab.services],
      guests: [...lab.guests],
      restorable: new Set<string>(),
    }));
    const [first] = benches;
    if (first === undefined) throw new Error('no homelab was asked for');
    const listed = await listCases(first, wish.scenarios);
    const cases = listed.filter((_, index) => index % wish.every === 0);
    wish.tell(`${cases.length} cases`);
    const outcomes: Outcome[] = [];
    const work = async (bench: Bench): Promise<void> => {
      for (let next = cases.shift(); next !== undefined && !wish.signal.aborted; next = cases.shift()) {
        const outcome = await tryOut(bench, next);
        outcomes.push(outcome);
        const verdict = outcome.problems.length === 0 ? 'right' : outcome.problems.join('; ');
        wish.tell(`${describe(next)}: ${outcome.reached ? verdict : `not passed; ${verdict}`} (${outcome.ms} ms)`);
      }
    };
    await Promise.all(benches.map(work));
    return { undisturbed: undisturbedOf(listed), outcomes, leaked, seconds: Math.round((Date.now() - begun) / 1000) };
  } finally {
    for (const lab of labs) {
      await lab.stop();
      leaked.push(...(await processesOf(lab.dir)).map(({ command }) => command));
      await lab[Symbol.asyncDispose]();
    }
  }
}

function undisturbedOf(listed: readonly Case[]): Undisturbed[] {
  const ours = listed.filter(({ victim }) => victim !== 'controller');
  return [...Map.groupBy(ours, ({ scenario }) => scenario.name)].map(([scenario, cases]) => ({
    scenario,
    steps: cases.filter(({ passage }) => passage.point === 'step.effect').length,
    points: [...new Set(cases.map(({ passage }) => passage.point))],
  }));
}

export function describe({ scenario, passage, victim }: Case): string {
  return `${scenario.name}: ${passage.point} #${passage.count}, ${victim} killed`;
}

interface Bench {
  lab: Lab;
  patienceMs: number;
  /** Those that no run has touched yet. */
  services: LabService[];
  guests: LabService[];
  /** Those that have a restore point already. */
  restorable: Set<string>;
}

async function listCases(bench: Bench, list: readonly Scenario[]): Promise<Case[]> {
  const cases: Case[] = [];
  for (const scenario of list) {
    // One before: what is written down then is what happens every night, with a set from the night before.
    if (scenario.again) await performRun(bench, await prepared(bench, scenario), async () => undefined);
    const subject = await prepared(bench, scenario);
    await writeFile(join(bench.lab.orders, PASSAGES_FILE), '');
    const problems = await performRun(bench, subject, async () => undefined);
    if (problems.length > 0) throw new Error(`${scenario.name} fails with nobody killed: ${problems.join('; ')}`);
    const passages = await allPassages(bench.lab.orders);
    await rm(join(bench.lab.orders, PASSAGES_FILE));
    for (const passage of passages) {
      const worker = passage.program === 'hypervisor' ? 'hypervisor' : 'service';
      for (const victim of ['controller', worker] as const) cases.push({ scenario, passage, victim });
    }
  }
  return cases;
}

/** The terminal status is there a moment before the last point is passed. */
async function allPassages(orders: string): Promise<Passage[]> {
  const whole = () => {
    const passages = passagesIn(orders);
    return passages.some(({ point }) => point === 'finish.after') ? passages : undefined;
  };
  const passages = await until(whole, { timeoutMs: HELD_MS });
  if (passages === undefined) throw new Error('a run that has ended did not pass its last point');
  return passages;
}

/** The program that passes the point dies there; the other one dies while the first is held there. */
async function tryOut(bench: Bench, tried: Case): Promise<Outcome> {
  const { lab } = bench;
  const { scenario, passage, victim } = tried;
  const itself = passage.program === victim;
  const subject = await prepared(bench, scenario);
  const begun = Date.now();
  await writeFile(join(lab.orders, `${passage.point}~${itself ? 'die' : 'hold'}~${passage.count}`), '');
  const problems = await performRun(bench, subject, async (ended) => {
    if (itself) return;
    const held = join(lab.orders, `held~${passage.point}`);
    await until(() => (existsSync(held) || ended.aborted ? true : undefined), { timeoutMs: HELD_MS });
    // It may be starting just now, after the case before: then its death is waited for a little.
    await until(() => (existsSync(held) && !killed(lab, victim) ? undefined : true), { timeoutMs: HELD_MS });
    await rm(held, { force: true });
  });
  const left = await readdir(lab.orders);
  // A worker may be obeying one just now: it tells of its last step when the run has ended already.
  for (const order of left) await rm(join(lab.orders, order), { force: true });
  return {
    ...tried,
    reached: !left.some((name) => name.startsWith(`${passage.point}~`)),
    problems,
    ms: Date.now() - begun,
  };
}

function killed(lab: Lab, victim: Program): boolean {
  const pid = lab.pids()[victim === 'service' ? 'worker-0' : victim];
  try {
    return pid !== undefined && process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

interface Subject {
  scenario: Scenario;
  service: LabService;
}

/** A service in the state from which the scenario begins. */
async function prepared(bench: Bench, scenario: Scenario): Promise<Subject> {
  const { lab, restorable, patienceMs } = bench;
  const services = scenario.guest ? bench.guests : bench.services;
  const service = scenario.again ? services[0] : services.pop();
  if (service === undefined) throw new Error('more cases than services');
  const { folder } = service;
  if (scenario.before === 'down' || scenario.before === 'broken') await writeFile(files.stopped(folder), 'crashed');
  if (scenario.before === 'broken') await writeFile(files.version(folder), BAD_VERSION);
  if (scenario.before === 'restore point') {
    if (!restorable.has(service.name)) {
      const id = newId();
      await request(lab, { id, service: service.name, workflow: 'backup', input: {} });
      await until(() => endOf(lab, derivedId('request', id, service.name)), { timeoutMs: patienceMs, everyMs: 25 });
      restorable.add(service.name);
    }
    await writeFile(files.content(folder), SINCE);
  }
  return { scenario, service };
}

/** Asks for one run, lets `meanwhile` happen, and waits for the end. @returns what is not as promised. */
async function performRun(
  { lab, patienceMs }: Bench,
  { scenario, service }: Subject,
  meanwhile: (ended: AbortSignal) => Promise<void>,
): Promise<string[]> {
  const id = newId();
  const run = derivedId('request', id, service.name);
  const ended = new AbortController();
  const mischief = meanwhile(ended.signal);
  await request(lab, { id, service: service.name, workflow: scenario.workflow, input: scenario.input });
  const status = await until(() => endOf(lab, run), { timeoutMs: patienceMs, everyMs: 25 });
  ended.abort();
  await mischief;
  const problems: string[] = [];
  if (status === undefined) problems.push('it did not end');
  else if (status !== scenario.status) problems.push(`it ended as ${status}`);
  await allUp(lab);
  return [...problems, ...scenario.problems(lab, service, run)];
}

function endOf(lab: Lab, run: string): string | undefined {
  using history = lab.history();
  const status = history?.run(run).status;
  return status !== undefined && isTerminal(status) ? status : undefined;
}

async function request(
  lab: Lab,
  { id, service, workflow, input }: { id: string; service: string; workflow: string; input: JsonObject },
): Promise<void> {
  for (;;) {
    let controller: RemoteController | undefined;
    try {
      controller = await lab.connect();
      await controller.enqueue({ id, workflow, services: [service], all: false, input });
      return;
    } catch {
      await pause(50);
    } finally {
      await controller?.[Symbol.asyncDispose]();
    }
  }
}

/** The supervisor has put every process back. */
async function allUp(lab: Lab): Promise<void> {
  const alive = () => Object.values(lab.pids()).every((pid) => existsSync(`/proc/${pid}`)) || undefined;
  await until(alive, { timeoutMs: HELD_MS });
}
