/** What was sent, what waits, and which channels are in trouble. */
import type { TestResult } from '#app/channels.ts';
import type { Style, Tint } from '#cli/render/style.ts';
import { printable, table } from '#cli/render/text.ts';
import { type Moment, when, zoneName } from '#cli/render/times.ts';
import type { ChannelState, NotificationStatus, OutboxEntry } from '#store/outbox.ts';

export function testLines(results: readonly TestResult[], style: Style): string[] {
  const column = Math.max(...results.map(({ channel }) => channel.length));
  return results.map(({ channel, delivered, detail }) => {
    const sign = delivered ? style('good', '✔') : style('bad', '✘');
    return `${sign} ${channel.padEnd(column)}  ${delivered ? '' : 'not delivered: '}${printable(detail)}`;
  });
}

const WORDS: Record<NotificationStatus, { word: string; tint: Tint }> = {
  waiting: { word: 'waits', tint: 'warn' },
  quiet: { word: 'quiet hours', tint: 'quiet' },
  held: { word: 'held back', tint: 'quiet' },
  digested: { word: 'in a digest', tint: 'quiet' },
  sent: { word: 'sent', tint: 'good' },
  dead: { word: 'not sent', tint: 'bad' },
};

export function notificationLines(
  { entries, troubled }: { entries: readonly OutboxEntry[]; troubled: readonly ChannelState[] },
  { moment, style }: { moment: Moment; style: Style },
): string[] {
  if (entries.length === 0) return ['No notifications yet.'];
  const titles = [`AT (${zoneName(moment)})`, 'CHANNEL', 'STATUS', 'MESSAGE', 'DETAIL'];
  const rows = entries.map(({ message, channel, status, createdAt, detail, dueAt }) => {
    const { word, tint } = WORDS[status];
    const until = status === 'quiet' ? `until ${when(dueAt, moment)}` : '';
    return [when(createdAt, moment), channel, style(tint, word), printable(message.title), printable(detail ?? until)];
  });
  return [
    ...table(
      titles.map((title) => ({ title })),
      rows,
    ),
    ...troubled.flatMap((one) => troubleLines(one, moment)),
  ];
}

/** In one sentence, also for the doctor. */
export function troubleOf({ lockedAt, failures, nextTryAt, reason }: ChannelState, moment: Moment): string {
  const why = reason === null ? '' : `: ${printable(reason)}`;
  if (lockedAt !== null) return `nothing is sent there since ${when(lockedAt, moment)}${why}`;
  const next = nextTryAt === null ? '' : `, next try ${when(nextTryAt, moment)}`;
  return `${failures === 1 ? 'the last try' : `the last ${failures} tries`} failed${next}${why}`;
}

export const TROUBLE_NEXT = 'correct the channel, try it with  homelab-autopilot notify test , and start  up  again';

function troubleLines(state: ChannelState, moment: Moment): string[] {
  const next = state.lockedAt === null ? [] : [`  Next: ${TROUBLE_NEXT}`];
  return ['', `channel ${state.name}: ${troubleOf(state, moment)}`, ...next];
}
