/** Asking again and again, until all is good and has stayed so, or until it is too late. */
import { pause } from '#kernel/wait.ts';
import type { ProbeResult } from '#sdk/probes/result.ts';

export interface ProbeTiming {
  /** How long the probes may take to turn good. */
  timeoutMs: number;
  /** How long they must then stay good. */
  stableForMs: number;
}

export interface Look {
  results: ProbeResult[];
  /** Another text each time that something was started anew: what was restarted did not stay good. */
  began: string;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

const unsteady: ProbeResult = { probe: 'restarts', ok: false, detail: 'restarted again and again', durationMs: 0 };

/** @returns what was seen last. */
export async function watch(
  look: () => Promise<Look>,
  { timeoutMs, stableForMs }: ProbeTiming,
  tools: { readonly signal: AbortSignal },
): Promise<ProbeResult[]> {
  const started = performance.now();
  let good: { since: number; began: string } | undefined;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const asked = performance.now();
    const { results, began } = await look();
    tools.signal.throwIfAborted();
    if (!results.every(({ ok }) => ok)) good = undefined;
    else if (good?.began !== began) good = { since: asked, began };
    const now = performance.now();
    if (good !== undefined && now - good.since >= stableForMs) return results;
    if (good === undefined && now - started >= timeoutMs) return results;
    // Restarts that never end must not keep us here: each of them takes the waiting back to its start.
    if (now - started >= timeoutMs + 2 * stableForMs) return good === undefined ? results : [...results, unsteady];
    const end = good === undefined ? started + timeoutMs : good.since + stableForMs;
    await pause(Math.max(0, Math.min(pauseMs, end - now)), tools.signal);
  }
}
