/** Empties the outbox: hands each message to its channel, one at a time, until the channel took it or it is given up. */
import type { Line, SendOutcome } from '#app/channels.ts';
import type { Config } from '#config/types.ts';
import { errorText } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import { GIVE_UP_MS, nextTry } from '#notify/back-off.ts';
import { digestOf } from '#notify/digest.ts';
import type { Log } from '#sdk/tools.ts';
import type { Outbox, OutboxEntry } from '#store/outbox.ts';

export interface DispatcherPorts {
  config: Config;
  outbox: Outbox;
  /** All that take messages. */
  lines: readonly Line[];
  log: Log;
  now(): Date;
}

/** Between two messages to one channel (milliseconds): vendors take about one a second. */
const PACE_MS = 1_000;

const GIVE_UP_LOOK_MS = 60_000;

/**
 * Sends until the signal fires. A message whose sending was cut off is sent again by the next controller: it may arrive
 * twice, but it is not lost.
 */
export async function dispatch(ports: DispatcherPorts, signal: AbortSignal): Promise<void> {
  ports.outbox.reopen();
  await Promise.all([...ports.lines.map((line) => serve(ports, line, signal)), giveUpInTime(ports, signal)]);
}

/** A channel that is slow or away holds up nothing but its own messages. */
async function serve(ports: DispatcherPorts, line: Line, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      endQuiet(ports, line.name);
      const entry = ports.outbox.next(line.name);
      if (entry !== undefined) await deliver(ports, { line, entry }, signal);
    } catch (error) {
      ports.log.warn('the outbox could not be looked after; trying again', { error: errorText(error) });
    }
    await pause(PACE_MS, signal);
  }
}

function endQuiet({ outbox, config }: DispatcherPorts, channel: string): void {
  const entries = outbox.quietOver(channel);
  const [first, ...others] = entries;
  if (first === undefined) return;
  if (others.length === 0) {
    outbox.release(first);
    return;
  }
  const { name: homelab, timezone } = config.global;
  const messages = entries.map(({ message }) => message);
  outbox.digested(entries, digestOf(messages, channel, { homelab, timezone }));
}

async function deliver(
  ports: DispatcherPorts,
  { line, entry }: { line: Line; entry: OutboxEntry },
  signal: AbortSignal,
): Promise<void> {
  const outcome = await line.send(entry.message, signal);
  // Told to stop in the middle: nobody knows whether it arrived, and the next controller sends it again.
  if (signal.aborted && !outcome.delivered) return;
  record(ports, entry, outcome);
}

function record(ports: DispatcherPorts, entry: OutboxEntry, outcome: SendOutcome): void {
  const { outbox, log, now } = ports;
  const { detail } = outcome;
  const about = { channel: entry.channel, event: entry.message.event, detail };
  if (outcome.delivered) {
    outbox.sent(entry, detail);
    log.info('a notification was sent', about);
    return;
  }
  log.warn(`a notification was not taken (${outcome.refused})`, about);
  switch (outcome.refused) {
    case 'message':
      outbox.dead(entry, detail);
      return;
    case 'channel':
      outbox.lock(entry, detail);
      return;
    case 'busy': {
      const asked = outcome.retryAfterMs;
      const until = nextTry(now(), outbox.failures(entry.channel) + 1, asked);
      outbox.failed(entry, { detail, until, asked: asked !== undefined });
      // Only after a try: what had to wait because this machine was off for long still has its chance.
      giveUp(ports, entry.channel);
    }
  }
}

async function giveUpInTime(ports: DispatcherPorts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      giveUp(ports);
    } catch (error) {
      ports.log.warn('the outbox could not be looked through; trying again', { error: errorText(error) });
    }
    await pause(GIVE_UP_LOOK_MS, signal);
  }
}

/** What is too old: for channels that are closed or not configured any more, and for the one that has just failed. */
function giveUp({ lines, outbox, log, now }: DispatcherPorts, failed?: string): void {
  const hopeful = lines.map(({ name }) => name).filter((name) => name !== failed);
  const count = outbox.giveUp(new Date(now().getTime() - GIVE_UP_MS), hopeful);
  if (count > 0) log.error('notifications were given up', { count });
}
