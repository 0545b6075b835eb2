/** The ping probe: a machine answers an echo request. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { milliseconds } from '#sdk/duration.ts';
import type { Seen } from '#sdk/probes/seen.ts';
import { timeout, Word } from '#sdk/probes/settings.ts';
import type { Tools } from '#sdk/tools.ts';

export const PingProbe = z.strictObject({
  type: z.literal('ping'),
  host: Word.describe('Name or address of the machine'),
  timeout,
});

/** How much later than its own time limit `ping` is ended. */
const MARGIN_MS = 2_000;

/** The system's own `ping` may send echo requests where we may not. */
export async function askPing(tools: Tools, probe: z.output<typeof PingProbe>): Promise<Seen> {
  const timeoutMs = milliseconds(probe.timeout);
  const seconds = String(Math.max(1, Math.ceil(timeoutMs / 1_000)));
  try {
    const { code, stdout } = await tools.exec(['ping', '-n', '-c', '1', '-W', seconds, '--', probe.host], {
      timeoutMs: timeoutMs + MARGIN_MS,
      env: { LC_ALL: 'C' },
      // 1: it asked, and nobody answered.
      okCodes: [0, 1],
    });
    const [, time] = /time[=<]([\d.]+) ?ms/.exec(stdout) ?? [];
    if (code === 0) return { ok: true, detail: time === undefined ? 'answered' : `answered in ${time} ms` };
    return { ok: false, detail: 'no answer in time' };
  } catch (error) {
    if (error instanceof AutopilotError && error.code === 'HA_COMMAND_TIMEOUT') {
      return { ok: false, detail: 'no answer in time' };
    }
    throw error;
  }
}
