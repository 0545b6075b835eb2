/** The controller's side of monitoring: takes up what the workers found, keeps it, and has it told. */
import { announceIncident } from '#app/announce.ts';
import { byHost, checksOfConfig } from '#app/checks.ts';
import type { Healing } from '#app/healing.ts';
import type { Config } from '#config/types.ts';
import { errorText } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import { advance } from '#monitor/advance.ts';
import type { Check, Result } from '#monitor/check.ts';
import { type Graph, openGraph } from '#monitor/graph.ts';
import type { World } from '#monitor/world.ts';
import { wantChecks } from '#queue/checks.ts';
import type { Redis } from '#queue/connection.ts';
import { dropFindings, placeAfter, readFindings } from '#queue/findings.ts';
import type { Log } from '#sdk/tools.ts';
import type { Heals } from '#store/heals.ts';
import type { Health } from '#store/health.ts';
import type { Outbox } from '#store/outbox.ts';

export interface MonitoringPorts {
  config: Config;
  health: Health;
  outbox: Outbox;
  redis: Redis;
  /** A connection of its own: it blocks. */
  reader: Redis;
  awayMs(host: string): number | null;
  healing: Healing;
  heals: Heals;
  log: Log;
  now(): Date;
}

export interface MonitoringRoom {
  /** Says again who checks what: Redis may have forgotten it. */
  arrange(): Promise<void>;
  /** Settles when the signal has fired and nothing is written any more. */
  ended: Promise<void>;
}

/** Our own runs that ended so long ago (milliseconds) explain nothing any more. */
const RUNS_KEPT_MS = 30 * 60_000;

const PRUNE_EVERY_MS = 3_600_000;

/** After something went wrong: a busy disk, a Redis that is away. */
const AGAIN_MS = 2_000;

export async function startMonitoring(ports: MonitoringPorts, signal: AbortSignal): Promise<MonitoringRoom> {
  const { config, redis } = ports;
  const checks = checksOfConfig(config);
  const wanted = byHost(checks, config.hosts);
  const arrange = () => wantChecks(redis, wanted);
  await arrange();
  const stop = () => ports.reader.disconnect();
  signal.addEventListener('abort', stop, { once: true });
  const watched: Watch = { ...ports, checks: indexed(checks), graph: openGraph(config.services) };
  const ended = checks.length === 0 ? Promise.resolve() : watch(watched, signal);
  return { arrange, ended };
}

interface Watch extends MonitoringPorts {
  checks: ReadonlyMap<string, Check>;
  graph: Graph;
}

function indexed(checks: readonly Check[]): Map<string, Check> {
  return new Map(checks.map((check) => [check.id, check]));
}

/** One pass takes up what has come, or nothing after a short wait: then time alone may have changed something. */
async function watch(ports: Watch, signal: AbortSignal): Promise<void> {
  const { health, reader, redis, log } = ports;
  let world = known(ports);
  let cursor: string | undefined;
  let prunedAt = 0;
  while (!signal.aborted) {
    try {
      // After any trouble the place may be another: Redis may have lost its memory.
      cursor ??= await placeAfter(redis, health.cursor());
      const batch = await readFindings(reader, cursor);
      if (signal.aborted) return;
      world = take(ports, { world, results: batch.results, cursor: batch.cursor === cursor ? null : batch.cursor });
      if (batch.cursor !== cursor) await dropFindings(redis, batch.cursor);
      ({ cursor } = batch);
      const now = ports.now().getTime();
      if (Math.abs(now - prunedAt) > PRUNE_EVERY_MS) {
        health.prune(now);
        prunedAt = now;
      }
    } catch (error) {
      if (signal.aborted) return;
      cursor = undefined;
      world = retaken(ports, world);
      log.warn('what was found could not be taken up; trying again', { error: errorText(error) });
      await pause(AGAIN_MS, signal);
    }
  }
}

function known({ health, checks }: Watch): World {
  return health.world((_key, check) => checks.has(check));
}

/** What was not written is not so. */
function retaken(ports: Watch, before: World): World {
  try {
    return { ...known(ports), accounted: before.accounted };
  } catch {
    return before;
  }
}

/** One step, written together with what is told of it. */
function take(
  ports: Watch,
  { world, results, cursor }: { world: World; results: Result[]; cursor: string | null },
): World {
  const { health, checks, graph, healing, log } = ports;
  const now = ports.now();
  const { monitoring } = ports.config;
  const seen = advance(world, results, {
    now: now.getTime(),
    checks,
    graph,
    runs: health.ownRuns(now.getTime() - RUNS_KEPT_MS),
    hostAwayMs: ports.awayMs,
    hostPatienceMs: Math.max(60_000, monitoring.failureThreshold * monitoring.intervalMs),
    reminderMs: monitoring.reminderMs,
  });
  const { step, wishes } = healing.consider(seen, now);
  const idle = [step.touched, step.incidents, wishes].every(({ length }) => length === 0) && cursor === null;
  if (idle) return step.world;
  health.save(step, cursor, () => {
    for (const tale of step.told) announceIncident(tale, ports, { now, world: step.world });
    healing.write(wishes, now);
  });
  healing.begin(wishes);
  for (const { subject, startedAt, endedAt, cause, root } of step.incidents) {
    const since = new Date(startedAt).toISOString();
    if (endedAt === null) log.warn('something is down', { subject, since, cause, root });
    else log.info('something is up again', { subject, since });
  }
  return step.world;
}
