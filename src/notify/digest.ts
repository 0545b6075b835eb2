/** What happened in quiet hours, as one message. */
import { derivedId } from '#kernel/ids.ts';
import { localTime } from '#notify/local-time.ts';
import type { Origin } from '#notify/sender.ts';
import type { Message } from '#sdk/kinds/notification.ts';

/** Vendors cut long texts; what is beyond these lines is counted. */
const MOST_LINES = 25;

/** @param messages two or more, oldest first. */
export function digestOf(messages: readonly Message[], channel: string, { homelab, timezone }: Origin): Message {
  const groups = Map.groupBy(messages, ({ title }) => title);
  const lines = [...groups].map(([title, members]) => line(title, members, timezone));
  const shown = lines.slice(0, MOST_LINES);
  const rest = lines.length - shown.length;
  const last = messages.at(-1);
  return {
    id: derivedId('digest', channel, ...messages.map(({ id }) => id)),
    event: 'digest',
    severity: worst(messages),
    title: `${messages.length} messages from quiet hours`,
    text: [
      ...shown,
      ...(rest > 0 ? [`… and ${rest} more`] : []),
      '',
      `${homelab} · the whole of each:  homelab-autopilot notify log --json`,
    ].join('\n'),
    at: last?.at ?? new Date(0).toISOString(),
  };
}

function line(title: string, members: readonly Message[], timezone: string): string {
  const last = members.at(-1);
  const at = last === undefined ? '' : localTime(last.at, timezone);
  return members.length === 1 ? `${title} (${at})` : `${title}: ${members.length} times, last ${at}`;
}

function worst(messages: readonly Message[]): Message['severity'] {
  const order = ['error', 'warning', 'info'] as const;
  return order.find((severity) => messages.some((message) => message.severity === severity)) ?? 'info';
}
