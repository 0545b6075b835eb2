/** What a rollback of data costs: all that was written since the data was captured. A person may want to be asked. */
import type { ArchiveInput, ArchiveOutput } from '#archive/action.ts';
import { formatDuration } from '#kernel/duration.ts';
import { AutopilotError } from '#kernel/errors.ts';
import type { Tools } from '#sdk/tools.ts';

/** `3h12m`: how long ago the data is from, and so how much is not in it. */
export function sinceThen({ now }: Pick<Tools, 'now'>, capturedAt: string): string {
  return inWords(agoMs(now(), capturedAt));
}

/** @throws AutopilotError HA_CHECK_FAILED where a person is to be asked, with what to type. */
export async function weigh(tools: Pick<Tools, 'now'>, input: ArchiveInput<'weigh'>): Promise<ArchiveOutput<'weigh'>> {
  const { capturedAt, askAfterMs, data } = input;
  const ago = agoMs(tools.now(), capturedAt);
  const missing = `what was written in the ${inWords(ago)} since ${capturedAt} will be missing`;
  if (askAfterMs !== null && ago <= askAfterMs) return { summary: missing };
  const limit = askAfterMs === null ? 'rollback.mode is ask' : `more than rollback.ask_after, ${inWords(askAfterMs)}`;
  const message = data ? `${missing}: a person is to be asked (${limit})` : `a person is to be asked (${limit})`;
  throw new AutopilotError('HA_CHECK_FAILED', message, { next: wayOut(input) });
}

function wayOut({ service, set, config, data }: ArchiveInput<'weigh'>): string {
  const left = [...(data ? [] : ['data']), ...(config ? [] : ['config'])].map((part) => ` --input ${part}=false`);
  const command = `to go back:  homelab-autopilot enqueue rollback ${service} --input to=${set}${left.join('')}`;
  return data ? `${command}  , and to keep what was written add  --input data=false` : command;
}

/** A clock that was set back makes nothing older. */
function agoMs(now: Date, then: string): number {
  return Math.max(0, now.getTime() - Date.parse(then));
}

const HOUR_MS = 3_600_000;

/** To the second, and to the minute where seconds say nothing any more. */
function inWords(ms: number): string {
  const step = ms < HOUR_MS ? 1_000 : 60_000;
  return formatDuration(Math.round(ms / step) * step);
}
