/** Which set of which destination a drill restores. */
import { AutopilotError } from '#kernel/errors.ts';
import { chosenPoint } from '#sdk/chosen-point.ts';
import type { PlanContext } from '#sdk/workflow.ts';

/** @throws AutopilotError HA_NOT_FOUND for a destination or a restore point that the service does not have. */
export function drilledPlace(
  context: PlanContext,
  wish: { from?: string | undefined; destination?: string | undefined },
): { place: PlanContext['backup']['destinations'][number]; set: { set?: string } } {
  const { backup, service } = context;
  const { destinations, drill } = backup;
  const wanted = wish.destination ?? drill.destination;
  const place = wanted === null ? destinations[0] : destinations.find(({ name }) => name === wanted);
  if (place !== undefined)
    return { place, set: wish.from === undefined ? {} : { set: chosenPoint(context, wish.from) } };
  const known = destinations.map(({ name }) => name).join(', ') || 'none';
  throw new AutopilotError('HA_NOT_FOUND', `${service.name} has no backups on "${wanted ?? ''}"`, {
    next: `its destinations are: ${known}`,
  });
}
