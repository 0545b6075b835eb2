/** Asks a host that may be away for a moment: again and again, for as long as the configuration has patience. */
import { AutopilotError } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import { milliseconds } from '#sdk/duration.ts';
import { type EsxiTools, placeOf } from './config.ts';

const RETRY_MS = 500;

/** No answer came, or none that can be understood. */
export interface Lost {
  kind: 'lost';
  text: string;
}

/** Only for what changes nothing. @param next what to look at when nothing was heard until the end. */
export async function insist<R extends { kind: string }>(
  tools: EsxiTools,
  ask: () => Promise<R | Lost>,
  next: string,
): Promise<R> {
  const deadline = Date.now() + milliseconds(tools.config.patience);
  for (;;) {
    const reply = await ask();
    if (!isLost(reply)) return reply;
    if (Date.now() >= deadline) {
      const message = `${tools.name}: ${placeOf(tools)} does not answer: ${reply.text}`;
      throw new AutopilotError('HA_REMOTE_UNREACHABLE', message, { next });
    }
    await pause(RETRY_MS, tools.signal);
    tools.signal.throwIfAborted();
  }
}

function isLost(reply: { kind: string }): reply is Lost {
  return reply.kind === 'lost';
}
