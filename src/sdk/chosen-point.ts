/** The restore point that somebody means by a few letters of its id. */
import { AutopilotError } from '#kernel/errors.ts';
import type { PlanContext } from '#sdk/workflow.ts';

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
