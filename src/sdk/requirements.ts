/** What a workflow must have before it can be planned: actions of a plugin, parts that go together, a restore point. */
import { AutopilotError } from '#kernel/errors.ts';
import type { Parts } from '#sdk/matched-set.ts';
import type { PlanContext } from '#sdk/workflow.ts';

/** @throws AutopilotError HA_USAGE when the service's plugin cannot do what the workflow needs. */
export function requireActions(
  { service }: PlanContext,
  workflow: string,
  ...actions: Parameters<PlanContext['service']['can']>[0][]
): void {
  const missing = actions.find((action) => !service.can(action));
  if (missing === undefined) return;
  throw new AutopilotError(
    'HA_USAGE',
    `${service.name} cannot be changed by ${workflow}: its plugin ${service.ref.type} has no "${missing}"`,
    {
      next: 'see what each plugin can do with  homelab-autopilot plugins list',
    },
  );
}

/** @throws AutopilotError HA_USAGE when a service whose image and data belong together is to go back by halves. */
export function requireWhole({ service }: PlanContext, { image, data }: Pick<Parts, 'image' | 'data'>): void {
  if (!service.whole || image === data) return;
  const [half, missing] = image ? ['image', 'data'] : ['data', 'image'];
  throw new AutopilotError('HA_USAGE', `${service.name} cannot go back with its ${half} and without its ${missing}`, {
    next: 'its older versions refuse the data of newer ones: roll back both, or neither',
  });
}

/**
 * The set that a person named, by its id or the beginning of it; without a name the newest backup.
 * @throws AutopilotError HA_NOT_FOUND
 */
export function chosenPoint({ restorePoints, service }: PlanContext, name: string | undefined): string {
  const backups = restorePoints.filter(({ purpose }) => purpose === 'backup');
  const found = name === undefined ? backups.slice(0, 1) : restorePoints.filter(({ id }) => id.startsWith(name));
  const [point, another] = found;
  if (point !== undefined && (another === undefined || point.id === name)) return point.id;
  // One from another machine's history: the destinations are asked for it by its whole id.
  if (name !== undefined && point === undefined && name.length >= 20) return name;
  const problem =
    another === undefined
      ? `${service.name} has no restore point ${name ?? 'yet'}`
      : `several restore points begin with "${name}"`;
  throw new AutopilotError(another === undefined ? 'HA_NOT_FOUND' : 'HA_USAGE', problem, {
    next: `see  homelab-autopilot backups ${service.name}`,
  });
}
