/** The chaos run as a whole: a homelab, a storm, the wait for the last run, the verdict. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunDetail, RunView } from '#engine/run.ts';
import { until } from '#kernel/wait.ts';
import { reachRedis } from '#queue/connection.ts';
import { managedSocket } from '#queue/managed-redis.ts';
import { mountSmallDisk } from '#test/chaos/disk.ts';
import type { Arena } from '#test/chaos/faults.ts';
import type { Finding, Recovery } from '#test/chaos/judge.ts';
import { announcedEnds, falseDeaths, judgeService, recoveries, sinceLastFault } from '#test/chaos/judge.ts';
import type { Lab } from '#test/chaos/lab.ts';
import { openLab } from '#test/chaos/lab.ts';
import { seeded } from '#test/chaos/random.ts';
import type { StormLog } from '#test/chaos/storm.ts';
import { storm } from '#test/chaos/storm.ts';
import { ledgerOf } from '#test/fixtures/drill/world.ts';
import { processesOf } from '#test/support/processes.ts';
import { tempDir } from '#test/support/tmp.ts';

export interface ChaosWish {
  runs: number;
  seed: number;
  minutes: number;
  /** Between two faults, in milliseconds. */
  gap?: { from: number; to: number };
  /** The names of the faults that may happen. Default: all. */
  only?: readonly string[];
  /** Small disks that are filled, where this user may mount them. */
  disks?: boolean;
  /** Ends it early, in order. */
  signal: AbortSignal;
  tell(line: string): void;
}

interface Spread {
  p50: number;
  p99: number;
  max: number;
  count: number;
}

export interface ChaosResult {
  seed: number;
  runs: number;
  seconds: number;
  kills: number;
  redisKills: number;
  flushes: number;
  faults: Record<string, number>;
  disks: boolean;
  statuses: Record<string, number>;
  lost: number;
  stuck: number;
  doubleTerminal: number;
  wrongStatus: number;
  leakedLeases: number;
  leftoverJobs: number;
  orphanProcesses: number;
  wrongWorld: number;
  doubleEffects: number;
  falseDeaths: number;
  recoveryMs: Spread;
  /** The same, counted from the last other fault on its way, where there was one: what the product itself takes. */
  recoverySinceLastFaultMs: Spread;
  /** The steps that took longest to go on after that. */
  slowest: Recovery[];
  /** What was wrong, with the story of each run concerned. */
  findings: (Finding & { story: RunDetail | null })[];
}

/** From here on faults of a minute have their place. */
const LONG_MINUTES = 2;

const SERVICES = 64;
const WORKERS = ['nas', 'nas', 'pi', 'pi'];

/** The last runs may have to wait for a backoff, and for a second death on the way. */
const SETTLE_MS = 240_000;

export async function chaos(wish: ChaosWish): Promise<ChaosResult> {
  const begun = Date.now();
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir()).path;
  const disks = wish.disks === true ? await mountDisks(dir, stack) : {};
  if (wish.disks === true && disks.state === undefined) wish.tell('no disk is filled: mounting is not allowed here');
  const lab = stack.use(
    await openLab({
      services: SERVICES,
      workers: WORKERS,
      ...(disks.state === undefined ? {} : { stateDir: join(disks.state.path, 's') }),
      ...(disks.world === undefined ? {} : { worldDir: disks.world.path }),
    }),
  );
  const arena: Arena = {
    lab,
    random: seeded(wish.seed),
    kills: [],
    counts: {},
    spans: [],
    disks,
    only: wish.only ?? null,
    long: wish.minutes > LONG_MINUTES,
  };
  const tell = (line: string) => wish.tell(`${((Date.now() - begun) / 1000).toFixed(1).padStart(7)} s  ${line}`);
  const log = await storm(
    arena,
    {
      runs: wish.runs,
      signal: AbortSignal.any([wish.signal, AbortSignal.timeout(wish.minutes * 60_000)]),
      atOnce: 96,
      gap: wish.gap ?? { from: 1_000, to: 4_000 },
    },
    tell,
  );
  tell('calm; waiting for the last runs');
  for (const order of await readdir(lab.orders)) await rm(join(lab.orders, order), { force: true });
  await settle(lab, log);
  const leftoverJobs = await jobsLeft(lab);
  const verdict = judge(lab, log, arena);
  for (const { ms, killedAt, run, step } of verdict.slowest) {
    tell(`${run} ${step}: went on ${ms} ms after its worker died at ${((killedAt - begun) / 1000).toFixed(1)} s`);
  }
  await lab.stop();
  const orphans = (await processesOf(lab.dir)).filter(({ command }) => !command.startsWith('node test/'));
  for (const { command } of orphans) tell(`left behind: ${command}`);
  return {
    seed: wish.seed,
    seconds: Math.round((Date.now() - begun) / 1000),
    kills: lab.deaths.length,
    redisKills: lab.deaths.filter(({ name }) => name === 'redis').length,
    flushes: (arena.counts['flush redis'] ?? 0) + (arena.counts['delete redis data'] ?? 0),
    faults: arena.counts,
    disks: disks.state !== undefined,
    leftoverJobs,
    orphanProcesses: orphans.length,
    ...verdict,
  };
}

async function mountDisks(dir: string, stack: AsyncDisposableStack): Promise<Arena['disks']> {
  const state = await mountSmallDisk(join(dir, 'state'), 1_024);
  if (state === undefined) return {};
  stack.use(state);
  const world = await mountSmallDisk(join(dir, 'world'), 128);
  return world === undefined ? { state } : { state, world: stack.use(world) };
}

function allRuns(lab: Lab): RunView[] {
  using history = lab.history();
  return history === null ? [] : history.runs({ limit: 1_000_000 }).toReversed();
}

async function settle(lab: Lab, log: StormLog): Promise<void> {
  await until(
    () => {
      const open = new Set(['queued', 'running']);
      return allRuns(lab).some(({ status }) => open.has(status)) ? undefined : true;
    },
    { timeoutMs: SETTLE_MS, everyMs: 250 },
  );
  const known = new Set(allRuns(lab).map(({ id }) => id));
  for (const run of log.expected.keys()) if (!known.has(run)) log.unanswered++;
}

/** Jobs that still wait or work in Redis although no run is open; the queue itself may need a moment to end its roots. */
async function jobsLeft(lab: Lab): Promise<number> {
  const count = async (): Promise<number> => {
    const redis = await reachRedis({ socket: managedSocket(lab.stateDir) });
    let jobs = 0;
    for (const queue of ['runs', 'service.nas', 'service.pi']) {
      const key = `autopilot:${queue}`;
      jobs += (await redis.llen(`${key}:wait`)) + (await redis.llen(`${key}:active`));
      jobs += (await redis.zcard(`${key}:delayed`)) + (await redis.zcard(`${key}:waiting-children`));
    }
    redis.disconnect();
    return jobs;
  };
  const gone = await until(async () => ((await count()) === 0 ? true : undefined), { timeoutMs: 30_000, everyMs: 250 });
  return gone === true ? 0 : await count();
}

type Verdict = Pick<
  ChaosResult,
  | 'runs'
  | 'statuses'
  | 'lost'
  | 'stuck'
  | 'doubleTerminal'
  | 'wrongStatus'
  | 'leakedLeases'
  | 'wrongWorld'
  | 'doubleEffects'
  | 'falseDeaths'
  | 'recoveryMs'
  | 'recoverySinceLastFaultMs'
  | 'slowest'
  | 'findings'
>;

function judge(lab: Lab, log: StormLog, arena: Arena): Verdict {
  const runs = allRuns(lab);
  const byService = Map.groupBy(runs, ({ service }) => service);
  const findings: Finding[] = [];
  const times: Recovery[] = [];
  const kills = [
    ...arena.kills,
    ...lab.deaths.flatMap(({ name, pid, at }) => (pid === undefined ? [] : [{ name, pid, at }])),
  ];
  for (const service of lab.services) {
    findings.push(...judgeService(service, byService.get(service.name) ?? [], log.expected));
    const ledger = ledgerOf(service.folder);
    findings.push(...falseDeaths(service.name, ledger, { kills, spans: arena.spans }));
    times.push(...recoveries(ledger, kills));
  }
  for (const { id, service } of runs) {
    const ends = announcedEnds(join(lab.dir, 'log'), id);
    if (ends.length > 1) findings.push({ kind: 'doubleTerminal', service, run: id, text: ends.join(', then ') });
  }
  const known = new Set(runs.map(({ id }) => id));
  for (const run of log.expected.keys()) {
    if (!known.has(run)) findings.push({ kind: 'lost', service: '', run, text: 'accepted, and not in the history' });
  }
  const count = (kind: Finding['kind']) => findings.filter((found) => found.kind === kind).length;
  const undisturbed = times.map((time) => sinceLastFault(time, { kills, spans: arena.spans }));
  using history = lab.history();
  return {
    runs: runs.length,
    statuses: countBy(runs.map(({ status }) => status)),
    lost: count('lost'),
    stuck: count('stuck'),
    doubleTerminal: count('doubleTerminal'),
    wrongStatus: count('wrongStatus'),
    leakedLeases: lab.services.filter(({ name }) => history?.holder(name) !== null).length,
    wrongWorld: count('wrongWorld'),
    doubleEffects: count('doubleEffects'),
    falseDeaths: count('falseDeaths'),
    recoveryMs: spread(times),
    recoverySinceLastFaultMs: spread(undisturbed),
    slowest: undisturbed.toSorted((a, b) => b.ms - a.ms).slice(0, 5),
    findings: findings.map((found) => ({
      ...found,
      story: found.run === null || !known.has(found.run) ? null : (history?.run(found.run) ?? null),
    })),
  };
}

function countBy(words: readonly string[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(words, (word) => word)].map(([word, all]) => [word, all.length]));
}

function spread(times: readonly Recovery[]): Spread {
  const sorted = times.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0, count: sorted.length };
}

/** The counts that must be zero. */
export const BAD = [
  'lost',
  'stuck',
  'doubleTerminal',
  'wrongStatus',
  'leakedLeases',
  'leftoverJobs',
  'orphanProcesses',
  'wrongWorld',
  'doubleEffects',
  'falseDeaths',
] as const satisfies (keyof ChaosResult)[];

/** In how many milliseconds 99 of 100 steps go on after the last fault in their way. */
export const RECOVERY_P99_MS = 10_000;
