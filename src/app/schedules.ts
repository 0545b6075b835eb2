/** The configuration's schedules, and what a tick of one does. */
import { makePlan, serviceNamed } from '#app/planning.ts';
import type { Settings } from '#app/settings.ts';
import type { Workflows } from '#app/workflows.ts';
import { workflowNamed } from '#app/workflows.ts';
import type { Config } from '#config/types.ts';
import type { Engine } from '#engine/engine.ts';
import { derivedId } from '#kernel/ids.ts';
import type { ScheduleSpec } from '#queue/schedules.ts';
import type { History } from '#store/history.ts';

/** Every schedule that the configuration names, with an id that stays the same over restarts. */
export function scheduleSpecs(config: Config): ScheduleSpec[] {
  return config.services.flatMap(({ name, backup }) =>
    backup?.schedule == null ? [] : [{ id: `backup.${name}`, workflow: 'backup', service: name, ...backup.schedule }],
  );
}

export interface TickPorts {
  settings: Settings;
  workflows: Workflows;
  engine: Engine;
  history: Pick<History, 'restorePoints' | 'decisions'>;
}

/** Asks for the run of one slot. The run's id comes from the slot, so that a doubled tick is one run. */
export async function tickRun(
  { settings, workflows, engine, history }: TickPorts,
  schedule: string,
  slot: number,
): Promise<void> {
  const spec = scheduleSpecs(settings.config).find(({ id }) => id === schedule);
  // The schedule was taken out of the configuration between the tick and now.
  if (spec === undefined) return;
  const run = derivedId('slot', schedule, String(slot));
  const service = serviceNamed(settings.config, spec.service);
  const planner = {
    settings,
    restorePoints: (name: string) => history.restorePoints(name),
    decisions: (name: string) => history.decisions(name),
  };
  const plan = makePlan(planner, workflowNamed(workflows, spec.workflow), { run, service, input: {} });
  await engine.accept({ id: run, plan, input: {}, notBefore: null, retryOf: null, schedule, reuse: [] });
}
