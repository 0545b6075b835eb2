/** What people have decided of versions: from the state file of this machine, or else from the controller. */
import { connectController } from '#app/connect.ts';
import { openHistory } from '#app/history.ts';
import type { Settings } from '#app/settings.ts';
import type { Decision } from '#sdk/versions/decision.ts';

/** @throws AutopilotError when this machine has no state file and the controller cannot be asked. */
export async function knownDecisions(settings: Settings): Promise<Decision[]> {
  using history = openHistory(settings);
  if (history !== null) return history.decisions(null);
  // On another machine than the controller's. One that shares no Redis has no controller elsewhere, and so no decisions.
  if (settings.config.redis === null) return [];
  await using controller = await connectController(settings);
  return controller.decisions(null);
}
