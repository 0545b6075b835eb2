/** Follows runs until all have ended. Events are for display; the history is the truth and is asked again and again. */

import { isAway } from '#cli/actions/history.ts';
import type { Display } from '#cli/display.ts';
import { brought, needsRefresh, refreshed, type WatchedRun, watched } from '#cli/render/watched.ts';
import type { RemoteController } from '#engine/requests.ts';
import type { RunDetail, RunEvent } from '#engine/run.ts';
import { isTerminal } from '#engine/run.ts';
import { pause } from '#kernel/wait.ts';

/** How often the display is redrawn. */
const TICK_MS = 100;
/** The history is asked often at first, because events before the subscription are lost, and rarely later. */
const REFRESH_MS = { first: 250, longest: 5_000 };
/** A controller that restarts is back long before this. */
const PATIENCE_MS = 60_000;

interface Watch {
  controller: RemoteController;
  states: Map<string, WatchedRun>;
  stale: Set<string>;
}

/**
 * @returns the runs as they ended, in the order of `ids`; null when the signal fired first.
 * @throws AutopilotError HA_REDIS_UNREACHABLE or HA_NO_CONTROLLER when nobody answers for a minute.
 */
export async function watchRuns(
  controller: RemoteController,
  ids: readonly string[],
  { display, signal }: { display: Display; signal: AbortSignal },
): Promise<RunDetail[] | null> {
  const watch: Watch = { controller, states: new Map(), stale: new Set(ids) };
  const done = new AbortController();
  const following = follow(watch, ids, AbortSignal.any([signal, done.signal]));
  try {
    return await untilEnded(watch, ids, { display, signal });
  } finally {
    done.abort();
    await following;
  }
}

/** The display lives on the history alone when the stream of events breaks off. */
async function follow(watch: Watch, ids: readonly string[], signal: AbortSignal): Promise<void> {
  try {
    for await (const event of watch.controller.follow(ids, signal)) take(watch, event);
  } catch {
    for (const id of ids) watch.stale.add(id);
  }
}

function take({ states, stale }: Watch, event: RunEvent): void {
  const state = states.get(event.run);
  if (state === undefined || needsRefresh(state, event)) stale.add(event.run);
  if (state !== undefined) states.set(event.run, brought(state, event));
}

async function untilEnded(
  watch: Watch,
  ids: readonly string[],
  { display, signal }: { display: Display; signal: AbortSignal },
): Promise<RunDetail[] | null> {
  let interval = REFRESH_MS.first;
  let dueAt = Date.now() + interval;
  let answeredAt = Date.now();
  while (!signal.aborted) {
    if (Date.now() >= dueAt) {
      for (const id of ids) watch.stale.add(id);
      interval = Math.min(interval * 2, REFRESH_MS.longest);
      dueAt = Date.now() + interval;
    }
    try {
      await refresh(watch);
      answeredAt = Date.now();
    } catch (error) {
      if (!isAway(error) || Date.now() - answeredAt > PATIENCE_MS) throw error;
    }
    const runs = ids.flatMap((id) => watch.states.get(id) ?? []);
    display.show(runs);
    if (runs.length === ids.length && runs.every(({ run }) => isTerminal(run.status)))
      return runs.map(({ run }) => run);
    await pause(TICK_MS, signal);
  }
  return null;
}

async function refresh({ controller, states, stale }: Watch): Promise<void> {
  for (const id of Array.from(stale)) {
    const state = states.get(id);
    if (state === undefined || !isTerminal(state.run.status)) {
      const run = await controller.run(id);
      const now = states.get(id);
      states.set(id, now === undefined ? watched(run) : refreshed(now, run));
    }
    stale.delete(id);
  }
}
