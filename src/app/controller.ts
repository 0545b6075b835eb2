/** The controller: the engine, its history and its queues, wired together. */
import { join } from 'node:path';
import type { Absences } from '#app/absences.ts';
import { createAbsences } from '#app/absences.ts';
import { announceRun } from '#app/announce.ts';
import { createAnswers } from '#app/answers.ts';
import { createHealing } from '#app/healing.ts';
import { heldBack } from '#app/hold-back.ts';
import { indexStep } from '#app/index-step.ts';
import { startMonitoring } from '#app/monitoring.ts';
import { createPerformer } from '#app/performer.ts';
import { createPinger } from '#app/pinger.ts';
import { createPlanner } from '#app/planning.ts';
import { projectEvents } from '#app/projector.ts';
import { startScheduling } from '#app/scheduling.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import { warningsOf } from '#app/step-warnings.ts';
import { tell } from '#app/telling.ts';
import { loadWorkflows } from '#app/workflows.ts';
import type { Engine } from '#engine/engine.ts';
import { createEngine } from '#engine/engine.ts';
import type { Controller } from '#engine/requests.ts';
import { errorText } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import type { RedisAddress } from '#queue/connection.ts';
import { connectRedis } from '#queue/connection.ts';
import { REQUESTS_QUEUE, stepQueueName, TICKS_QUEUE, WORKER_KINDS } from '#queue/names.ts';
import { bePresent } from '#queue/presence.ts';
import { answerRequests } from '#queue/requests.ts';
import { startRunsWorker } from '#queue/runs-worker.ts';
import { judgeRedis } from '#queue/suitability.ts';
import type { QueueTransport } from '#queue/transport.ts';
import { createTransport } from '#queue/transport.ts';
import type { Log } from '#sdk/tools.ts';
import type { Database } from '#store/database.ts';
import { openDatabase } from '#store/database.ts';
import { createDecisions } from '#store/decisions.ts';
import { createDrills } from '#store/drills.ts';
import { createHeals } from '#store/heals.ts';
import { createHealth } from '#store/health.ts';
import { createHistory } from '#store/history.ts';
import { createJournal } from '#store/journal.ts';
import { createLedger } from '#store/ledger.ts';
import { lockState } from '#store/lock.ts';
import { createOutbox } from '#store/outbox.ts';
import { createProjection } from '#store/projection.ts';
import { createRestorePointIndex } from '#store/restore-points.ts';

export interface RunningController extends AsyncDisposable {
  /** The controller's answers, for a client in the same process. */
  controller: Controller;
  transport: QueueTransport;
}

/** How often runs with a later start are looked at (milliseconds). */
const ADMIT_MS = 500;

/** Every so many of these, unfinished runs are checked against Redis; and, more rarely, the schedules and the copies. */
const RECONCILE_EVERY = 6;
const RARELY_EVERY = 60;

/** A drill reads and writes as much as a restore, and nobody waits for it. */
const DRILLS_AT_ONCE = 1;

function stateFile(settings: Settings): string {
  return join(settings.config.global.stateDir, 'state.db');
}

/**
 * Starts the controller in this process.
 * @throws AutopilotError HA_CONTROLLER_RUNNING, HA_STATE_UNUSABLE
 */
export async function startController(settings: Settings, address: RedisAddress, log: Log): Promise<RunningController> {
  const { config } = settings;
  await using stack = new AsyncDisposableStack();
  stack.use(lockState(config.global.stateDir));
  const db = stack.use(openDatabase(stateFile(settings)));
  const redis = stack.adopt(connectRedis(address, 'worker'), (connection) => connection.disconnect());
  const stopping = stack.adopt(new AbortController(), (controller) => controller.abort());
  for (const warning of (await judgeRedis(redis)).warnings) log.warn('redis is not safe for a queue', { warning });

  const now = () => new Date();
  const index = { points: createRestorePointIndex(db), drills: createDrills(db) };
  const outbox = createOutbox(db, { now });
  const history = createHistory(db);
  const heals = createHeals(db);
  const pinger = createPinger({ config, history, outbox, now });
  const decisions = createDecisions(db, { now });
  const journal = createJournal(db, {
    now,
    onRecorded: (run, step, result) => {
      indexStep(index, { run, step, result });
      for (const warning of warningsOf(result)) journal.tellStory(run, `step ${step.key}: ${warning}`);
    },
    onStarted: (id) => pinger.started(id),
    onFinished: (id) => {
      const run = journal.run(id);
      if (run !== undefined) decisions.decide(heldBack(run));
      // What an incident asked for is told by the incident: that it is over, or that it is left to a person.
      const told = heals.incidentOf(id) !== null && run?.status === 'failed';
      if (!told) announceRun(id, { config, history, outbox }, now());
      pinger.ended(id);
    },
  });
  const transport = stack.use(createTransport(redis, (run) => describeRun(journal, run)));
  openQueues(transport, settings);
  const { backups, updates } = config.global.parallelism;
  const atOnce = [['backup', backups] as const, ['update', updates] as const, ['drill', DRILLS_AT_ONCE] as const];
  const limits = { atOnce: new Map(atOnce) };
  const engine = createEngine({ journal, transport, limits, now });
  const workflows = await loadWorkflows();
  const absences = createAbsences(redis, now);
  await absences.look();
  const scheduling = stack.use(
    await startScheduling({
      settings,
      workflows,
      engine,
      history,
      journal,
      ledger: createLedger(db),
      outbox,
      redis,
      absences,
      log,
      now,
    }),
  );
  const controller = createAnswers({
    settings,
    engine,
    history,
    journal,
    workflows,
    keeper: scheduling.keeper,
    absences,
    decisions,
  });

  stack.use(await startRunsWorker({ redis, advance: (run) => engine.advance(run), log }));
  // The run's root job looks again on its own; only the head start of a branch is lost.
  const unlucky = (error: unknown) => log.warn('a run could not be looked at early', { error: String(error) });
  const events = connectRedis(address, 'worker');
  const projecting = projectEvents(
    {
      redis: events,
      journal,
      projection: createProjection(db),
      logDir: config.global.logDir,
      onStepEnded: (run) => void engine.nudge(run).catch(unlucky),
      onTrouble: (error) => log.warn('a step log could not be written', { error: String(error) }),
    },
    stopping.signal,
  );
  const health = createHealth(db);
  const planner = createPlanner({ settings, history, absences });
  const admit = () =>
    void engine.admit().catch((error: unknown) => log.warn('a restart has to wait', { error: errorText(error) }));
  const healing = createHealing({ config, outbox, planner, workflows, heals, journal, admit, log });
  const reader = stack.adopt(connectRedis(address, 'worker'), (connection) => connection.disconnect());
  const monitoring = await startMonitoring(
    { config, health, outbox, redis, reader, awayMs: (host) => absences.ofHost(host), healing, heals, log, now },
    stopping.signal,
  );
  const arrange = async () => void (await Promise.all([scheduling.arrange(), monitoring.arrange()]));
  const keeping = keepGoing(
    { engine, absences, rarely: () => everyHalfMinute(db, now, arrange), log },
    stopping.signal,
  );
  const secrets = createSecretResolver(config);
  const performer = stack.use(createPerformer(settings, { host: config.global.host, secrets }));
  const telling = tell({ settings, db, history, outbox, performer, log, now }, stopping.signal);
  stack.defer(async () => {
    stopping.abort();
    await Promise.allSettled([projecting, keeping, telling, monitoring.ended]);
  });
  stack.use(await answerRequests(redis, (request) => controller.answer(request)));
  stack.use(await bePresent(redis));
  await engine.resume();

  const owned = stack.move();
  return { controller, transport, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

interface Upkeep {
  engine: Engine;
  absences: Absences;
  /** What need not be looked after so often. */
  rarely(): Promise<void>;
  log: Log;
}

/** Looks after what no event announces: a Redis that lost its memory, a host that went away, a run whose time has come. */
async function keepGoing({ engine, absences, rarely, log }: Upkeep, signal: AbortSignal): Promise<void> {
  for (let beat = 1; !signal.aborted; beat++) {
    await pause(ADMIT_MS, signal);
    if (signal.aborted) return;
    try {
      await (beat % RECONCILE_EVERY === 0 ? engine.reconcile() : engine.admit());
      if (beat % RECONCILE_EVERY === 0) await engine.giveUpOn(await absences.look());
      if (beat % RARELY_EVERY === 0) await rarely();
    } catch (error) {
      log.warn('unfinished runs could not be looked after; trying again', { error: errorText(error) });
    }
  }
}

/** Redis may have forgotten the schedules; and the state file has a copy of each day. */
async function everyHalfMinute(db: Database, now: () => Date, arrange: () => Promise<void>): Promise<void> {
  await arrange();
  db.copyDaily(now());
}

/** The queue page shows every queue from the start, not only those that were used. */
function openQueues(transport: QueueTransport, { config }: Settings): void {
  transport.open(TICKS_QUEUE);
  for (const kind of WORKER_KINDS) for (const host of config.hosts) transport.open(stepQueueName(kind, host));
  transport.open(REQUESTS_QUEUE);
}

function describeRun(journal: ReturnType<typeof createJournal>, id: string): { workflow: string; service: string } {
  const run = journal.run(id);
  return { workflow: run?.plan.workflow ?? 'unknown', service: run?.plan.service ?? 'unknown' };
}
