/** A service that stays down although it was restarted, as a message: what was tried, and what a person can do. */
import { derivedId, shortId } from '#kernel/ids.ts';
import { subjectName, subjectOf } from '#monitor/check.ts';
import type { Incident } from '#monitor/world.ts';
import { localTime } from '#notify/local-time.ts';
import { type Origin, senderLine } from '#notify/sender.ts';
import type { Message } from '#sdk/kinds/notification.ts';

export interface GivenUpScene {
  origin: Origin;
  host: string;
  /** Why it is not restarted any more: it was restarted 3 times within 1d. */
  because: string;
  /** The runs that this incident asked for, oldest first. */
  tried: readonly { run: string; status: string; reason: string | null }[];
  at: Date;
}

export function givenUpMessage(incident: Incident, { origin, host, because, tried, at }: GivenUpScene): Message {
  const { id, subject, startedAt, cause } = incident;
  const { name } = subjectOf(subject);
  const last = tried.at(-1);
  const look = last === undefined ? '' : `homelab-autopilot runs show ${shortId(last.run)}  and  `;
  return {
    id: derivedId('message', id, 'given-up'),
    event: 'needs_attention',
    severity: 'error',
    title: `${subjectName(subject)} is down, and is not restarted any more`,
    text: [
      `Since ${localTime(new Date(startedAt).toISOString(), origin.timezone)}.`,
      cause,
      `It is left to you: ${because}.`,
      ...tried.map(({ run, status, reason }) => `Run ${shortId(run)}: ${reason ?? status}`),
      `Next: see what it says with  ${look}homelab-autopilot check ${name}  , mend it, and start it with  homelab-autopilot enqueue heal ${name} --wait`,
      '',
      senderLine(origin, host, at),
    ].join('\n'),
    service: name,
    host,
    at: at.toISOString(),
  };
}
