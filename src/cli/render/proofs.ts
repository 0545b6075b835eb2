/** What drills have proven, in words. */

import { fullTime, type Moment, when } from '#cli/render/times.ts';
import type { DrillView } from '#engine/requests.ts';
import { formatSpan } from '#kernel/format.ts';

/** The last drill of a service's sets, and of its guest as a whole; null: none has proven anything. */
export interface Proofs {
  lastDrill: DrillView | null;
  lastGuestDrill: DrillView | null;
}

export function proofsOf(drills: readonly DrillView[], service: string): Proofs {
  const last = (of: DrillView['of']) => drills.find((drill) => drill.service === service && drill.of === of) ?? null;
  return { lastDrill: last('set'), lastGuestDrill: last('guest') };
}

/** For a column of a table; undefined when there is none. */
export function proofTimes({ lastDrill, lastGuestDrill }: Proofs, moment: Moment): string | undefined {
  const parts = [
    ...(lastDrill === null ? [] : [when(lastDrill.provenAt, moment)]),
    ...(lastGuestDrill === null ? [] : [`guest ${when(lastGuestDrill.provenAt, moment)}`]),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}

/** `2026-03-01 06:00:41, restored from vault in 41.3 s, its data 3 h old`. */
export function proofText(drill: DrillView, zone: string): string {
  const { of, provenAt, destination, recoveryMs, dataAgeMs, started } = drill;
  const what = of === 'guest' ? 'its guest restored' : started ? 'restored' : 'files restored';
  const times = `in ${formatSpan(recoveryMs)}, its data ${formatSpan(dataAgeMs)} old`;
  return `${fullTime(provenAt, zone)}, ${what} from ${destination} ${times}`;
}
