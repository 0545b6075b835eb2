/** Versions that are out and were not told of before, as a message. */
import { derivedId } from '#kernel/ids.ts';
import { type Origin, senderLine } from '#notify/sender.ts';
import type { Message } from '#sdk/kinds/notification.ts';

export interface WaitingVersions {
  service: string;
  /** In words: `1.4.2`, or `web 1.4.2` where a service has several images. */
  versions: readonly string[];
}

export function updateMessage(
  { service, versions }: WaitingVersions,
  { origin, host, at }: { origin: Origin; host: string; at: Date },
): Message {
  return {
    id: derivedId('message', 'update_available', service, ...versions),
    event: 'update_available',
    severity: 'info',
    title: `${service}: ${versions.join(' and ')} is out`,
    text: [
      `Next: see what holds it with  homelab-autopilot updates, or go to it with  homelab-autopilot enqueue update ${service}`,
      '',
      senderLine(origin, host, at),
    ].join('\n'),
    service,
    host,
    at: at.toISOString(),
  };
}
