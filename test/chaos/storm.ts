/** One storm: asks for runs, lets faults loose on the homelab meanwhile, and waits until the last run has ended. */
import type { RemoteController } from '#engine/requests.ts';
import type { RunStatus } from '#engine/run.ts';
import { derivedId, newId } from '#kernel/ids.ts';
import { pause } from '#kernel/wait.ts';
import type { Arena } from '#test/chaos/faults.ts';
import { chooseFault } from '#test/chaos/faults.ts';
import type { Lab } from '#test/chaos/lab.ts';
import type { Random } from '#test/chaos/random.ts';
import { FAILURES } from '#test/fixtures/drill/workflows/exercise.ts';

export interface StormWish {
  runs: number;
  /** Ends the requests and the faults early; the runs that were accepted still come to their end. */
  signal: AbortSignal;
  /** Runs that are asked for and have not ended, at most. */
  atOnce: number;
  /** Between two faults, in milliseconds. */
  gap: { from: number; to: number };
}

export interface StormLog {
  /** Accepted runs, and how each may rightly end. */
  expected: Map<string, Set<RunStatus>>;
  /** Runs that were neither accepted nor refused when the storm ended. */
  unanswered: number;
}

/** How many askers there are. */
const LANES = 4;

export async function storm(arena: Arena, wish: StormWish, tell: (line: string) => void): Promise<StormLog> {
  const log: StormLog = { expected: new Map(), unanswered: 0 };
  const calm = new AbortController();
  const faults = letLoose(arena, wish, { signal: AbortSignal.any([calm.signal, wish.signal]), tell });
  let left = wish.runs;
  const lane = async (): Promise<void> => {
    let controller: RemoteController | undefined;
    while (left > 0 && !wish.signal.aborted) {
      if (inFlight(arena.lab) >= wish.atOnce) {
        await pause(50);
        continue;
      }
      const request = aRequest(arena, Math.min(left, 4));
      left -= request.services.length;
      controller = await ask(arena.lab, request, controller);
      for (const service of request.services) {
        log.expected.set(derivedId('request', request.id, service), rightEndings(arena, request.fail));
      }
      if (request.cancel) await cancelOne(controller, { request, log, random: arena.random });
    }
    await controller?.[Symbol.asyncDispose]();
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  calm.abort();
  await faults;
  return log;
}

interface DrillRequest {
  id: string;
  services: string[];
  fail: string;
  pace: number;
  cancel: boolean;
}

function aRequest({ lab, random }: Arena, atMost: number): DrillRequest {
  const services = new Set<string>();
  const wanted = random.whole(1, atMost);
  while (services.size < wanted) services.add(random.pick(lab.services).name);
  return {
    id: newId(),
    services: [...services],
    // A third of the runs fail somewhere.
    fail: random.chance(1 / 3) ? random.pick(Object.keys(FAILURES)) : '',
    pace: random.chance(0.05) ? random.whole(100, 1_500) : random.whole(0, 10),
    cancel: random.chance(0.03),
  };
}

/** A full disk is a good reason to fail; without small disks there is one right ending. */
function rightEndings({ disks }: Arena, fail: string): Set<RunStatus> {
  const right = new Set<RunStatus>([FAILURES[fail] ?? 'succeeded']);
  // The hook has happened when it fails; if nobody hears of the failure, the probe has the say.
  if (fail === 'hook') right.add('succeeded');
  if (disks.world !== undefined || disks.state !== undefined)
    for (const status of ['failed', 'rolled_back'] as const) right.add(status);
  return right;
}

/** Asks until the answer is there: the same request twice is one. */
async function ask(lab: Lab, request: DrillRequest, known: RemoteController | undefined): Promise<RemoteController> {
  let controller = known;
  for (;;) {
    try {
      controller ??= await lab.connect();
      const { id, services, fail, pace } = request;
      await controller.enqueue({ id, workflow: 'exercise', services, all: false, input: { fail, pace } });
      return controller;
    } catch {
      await Promise.resolve(controller?.[Symbol.asyncDispose]()).catch(() => undefined);
      controller = undefined;
      await pause(200);
    }
  }
}

async function cancelOne(
  controller: RemoteController,
  { request, log, random }: { request: DrillRequest; log: StormLog; random: Random },
): Promise<void> {
  const run = derivedId('request', request.id, random.pick(request.services));
  log.expected.get(run)?.add('cancelled');
  await pause(random.whole(0, 300));
  // It may have ended, or nobody answers: then it is not cancelled.
  await controller.cancel(run).catch(() => undefined);
}

function inFlight(lab: Lab): number {
  try {
    using history = lab.history();
    const limit = 10_000;
    const count = (status: RunStatus) => history?.runs({ status, limit }).length ?? 0;
    return count('queued') + count('running');
  } catch {
    // A full disk: nobody can read the history now, and nothing more is asked for.
    return Number.POSITIVE_INFINITY;
  }
}

/** At most two faults at a time: with more, nothing would ever get done. */
async function letLoose(
  arena: Arena,
  { gap }: StormWish,
  { signal, tell }: { signal: AbortSignal; tell: (line: string) => void },
): Promise<void> {
  const raging = new Set<Promise<void>>();
  while (!signal.aborted) {
    await pause(arena.random.whole(gap.from, gap.to), signal);
    if (signal.aborted) break;
    if (raging.size >= 2) await Promise.race(raging);
    const fault = chooseFault(arena);
    arena.counts[fault.name] = (arena.counts[fault.name] ?? 0) + 1;
    tell(fault.name);
    const span = { name: fault.name, from: Date.now(), to: Number.POSITIVE_INFINITY };
    arena.spans.push(span);
    const work = fault
      .prepare(arena)()
      .finally(() => (span.to = Date.now()))
      .catch((error: unknown) => tell(`${fault.name} did not work: ${String(error)}`));
    raging.add(work);
    void work.finally(() => raging.delete(work));
  }
  await Promise.all(raging);
}
