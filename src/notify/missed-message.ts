/** Slots of a schedule that did not run, as a message: nobody is to find out months later. */
import { derivedId } from '#kernel/ids.ts';
import { localTime } from '#notify/local-time.ts';
import { type Origin, senderLine } from '#notify/sender.ts';
import type { Fire } from '#schedule/fire.ts';
import type { Message } from '#sdk/kinds/notification.ts';

/** @param fires of one schedule, in order; @returns null when there are none. */
export function missedMessage(
  fires: readonly Fire[],
  { origin, host, at }: { origin: Origin; host: string; at: Date },
): { message: Message; service: string } | null {
  const last = fires.at(-1);
  if (last === undefined) return null;
  const { schedule, workflow, service, slot, detail } = last;
  const before = fires.length - 1;
  const message: Message = {
    id: derivedId('message', schedule, slot, 'schedule_missed'),
    event: 'schedule_missed',
    severity: 'warning',
    title: `${workflow} ${service} did not run`,
    text: [
      `It was due at ${localTime(slot, origin.timezone)}: ${detail}.`,
      ...(before === 0 ? [] : [`${before} more of this schedule before it did not run either.`]),
      `Next: look at  homelab-autopilot schedules log --schedule ${schedule}, or run it now with  homelab-autopilot enqueue ${workflow} ${service}`,
      '',
      senderLine(origin, host, at),
    ].join('\n'),
    service,
    host,
    at: at.toISOString(),
  };
  return { message, service };
}
