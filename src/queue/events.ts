/** The stream of what happens in runs: workers and the controller write it, people follow it, the history takes it up. */
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { RunEvent } from '#engine/run.ts';
import { EVENTS_KEY } from '#queue/names.ts';
import { endOfStream } from '#queue/stream.ts';

/** About a day of a busy homelab; what matters in the long run is in SQLite and in the step logs. */
const MAX_EVENTS = 20_000;

/** Events are written by our own processes; anything else in the stream is passed over. */
const Event = z.custom<RunEvent>(
  (value) => z.object({ type: z.string(), run: z.string(), at: z.string() }).safeParse(value).success,
);

/** Writes one event. Events are for display and for the history's colour: a lost one loses no truth. */
export function publishEvent(redis: Redis, event: RunEvent): void {
  redis.xadd(EVENTS_KEY, 'MAXLEN', '~', MAX_EVENTS, '*', 'e', JSON.stringify(event)).catch(() => undefined);
}

/** The place in the stream where a reader that wants only what is new begins. */
export function endOfEvents(redis: Redis): Promise<string> {
  return endOfStream(redis, EVENTS_KEY);
}

/**
 * Reads the stream from `cursor` on, in batches, until the signal fires.
 * @param redis a connection of the reader's own: it blocks.
 */
export async function* readEvents(
  redis: Redis,
  cursor: string,
  signal: AbortSignal,
): AsyncGenerator<{ cursor: string; events: RunEvent[] }> {
  let position = cursor;
  const stop = () => redis.disconnect();
  signal.addEventListener('abort', stop, { once: true });
  try {
    while (!signal.aborted) {
      const answer = await redis
        .xread('COUNT', 500, 'BLOCK', 2_000, 'STREAMS', EVENTS_KEY, position)
        .catch(() => 'away' as const);
      if (answer === 'away' || answer === null) continue;
      const entries = answer.flatMap(([, streamEntries]) => streamEntries);
      position = entries.at(-1)?.[0] ?? position;
      yield { cursor: position, events: entries.flatMap(([, fields]) => parseEvent(fields[1])) };
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function parseEvent(text: string | undefined): RunEvent[] {
  const parsed = Event.safeParse(JSON.parse(text ?? 'null'));
  return parsed.success ? [parsed.data] : [];
}
