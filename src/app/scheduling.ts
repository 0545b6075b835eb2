/** The schedules at work: the clock in Redis, the keeper of the ledger, and what looks after both. */
import type { Absences } from '#app/absences.ts';
import { announceMissed } from '#app/announce.ts';
import type { Keeper } from '#app/keeper.ts';
import { createKeeper } from '#app/keeper.ts';
import { createPlanner, makePlan, serviceNamed } from '#app/planning.ts';
import { clockEntry, scheduleId, schedulesOf } from '#app/schedules.ts';
import type { Settings } from '#app/settings.ts';
import { inWaves, needsOf } from '#app/waves.ts';
import type { Workflows } from '#app/workflows.ts';
import { workflowNamed } from '#app/workflows.ts';
import type { Engine } from '#engine/engine.ts';
import type { Journal } from '#engine/ports.ts';
import { errorText } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import type { Redis } from '#queue/connection.ts';
import { startClock } from '#queue/schedules.ts';
import type { Log } from '#sdk/tools.ts';
import type { History } from '#store/history.ts';
import type { Ledger } from '#store/ledger.ts';
import type { Outbox } from '#store/outbox.ts';

export interface SchedulingPorts {
  settings: Settings;
  workflows: Workflows;
  engine: Engine;
  history: History;
  journal: Journal;
  ledger: Ledger;
  outbox: Outbox;
  redis: Redis;
  absences: Absences;
  log: Log;
  now(): Date;
}

export interface Scheduling extends AsyncDisposable {
  keeper: Keeper;
  /** Redis may have forgotten the schedules. */
  arrange(): Promise<void>;
}

/** Ticks are the rule; this finds what they missed, also while Redis is away. */
const SWEEP_MS = 30_000;

/** While a slot waits for its host, as all do that are caught up when the whole machine starts. */
const WAITING_SWEEP_MS = 3_000;

export async function startScheduling(ports: SchedulingPorts): Promise<Scheduling> {
  await using stack = new AsyncDisposableStack();
  const keeper = keeperOf(ports);
  const { config } = ports.settings;
  // What others need is looked at first.
  const schedules = schedulesOf({ ...config, services: inWaves(config, config.services) });
  keeper.settle(schedules);
  const clock = stack.use(
    await startClock(ports.redis, {
      nextTick: keeper.nextTick,
      onTick: async (id, due) => keeper.tick(id, due),
      onHand: async (id, job) => keeper.runNow(id, job),
    }),
  );
  const arrange = () => clock.arrange(schedules.map(clockEntry));
  await arrange();
  const stopping = new AbortController();
  const sweeping = keepSweeping(keeper, ports.log, stopping.signal);
  stack.defer(async () => {
    stopping.abort();
    await sweeping;
  });
  const owned = stack.move();
  return { keeper, arrange, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function keeperOf(ports: SchedulingPorts): Keeper {
  const { settings, workflows, engine, journal, ledger, absences, log, now } = ports;
  const { config } = settings;
  const planner = createPlanner(ports);
  // What could not be done is done by the engine's own upkeep, when Redis is there again.
  const later = (error: unknown) => log.warn('a scheduled run has to wait', { error: errorText(error) });
  return createKeeper({
    ledger,
    journal,
    log,
    now,
    admit: () => void engine.admit().catch(later),
    cancel: (run, because) => void engine.cancel(run, because).catch(later),
    needs: ({ workflow, service }) => {
      if (workflowNamed(workflows, workflow).waves !== true) return [];
      return needsOf(config, service).map((need) => ({ service: need, schedule: scheduleId(workflow, need) }));
    },
    plan: ({ workflow, service }, run) =>
      makePlan(planner, workflowNamed(workflows, workflow), {
        run,
        service: serviceNamed(config, service),
        input: {},
      }),
    awayMs: (host) => absences.ofHost(host),
    onFires({ host }, { fires, missed }) {
      for (const { schedule, slot, disposition, detail } of fires) {
        if (disposition !== 'ran') log.info(`a schedule: ${disposition}`, { schedule, slot, why: detail });
      }
      announceMissed(missed, { config, outbox: ports.outbox, host }, now());
    },
  });
}

async function keepSweeping(keeper: Keeper, log: Log, signal: AbortSignal): Promise<void> {
  for (;;) {
    await pause(keeper.waits() ? WAITING_SWEEP_MS : SWEEP_MS, signal);
    if (signal.aborted) return;
    try {
      keeper.sweep();
    } catch (error) {
      log.warn('the schedules could not be looked after; trying again', { error: errorText(error) });
    }
  }
}
