/** Heartbeats in a service's `monitor:`: what reports by itself, and how often it must. */
import { z } from 'zod';
import { duration, instanceName } from '#config/fields.ts';
import { addError, type Place } from '#config/issues.ts';
import { child, textOf } from '#config/locate.ts';
import { fullPath, type Section } from '#config/section.ts';
import type { HeartbeatConfig } from '#config/types.ts';
import type { Json } from '#kernel/json.ts';

const SHORTEST_MS = 1_000;
const LONGEST_MS = 366 * 86_400_000;

export const Heartbeat = z.strictObject({
  type: z.literal('heartbeat'),
  name: instanceName().describe('What reports with `homelab-autopilot beat NAME`; no two have the same name'),
  every: duration()
    .refine((ms) => ms >= SHORTEST_MS && ms <= LONGEST_MS, { message: 'must be at least 1s and at most 366d' })
    .describe('How often it must report; say a little more than how often it does'),
});

/** @param monitor the list as written, of which what is wrong has been told. */
export function heartbeatsOf(monitor: Json | undefined): HeartbeatConfig[] {
  const entries = Array.isArray(monitor) ? monitor : [];
  return entries.flatMap((entry) => {
    const { data } = Heartbeat.safeParse(entry);
    return data === undefined ? [] : [{ name: data.name, everyMs: data.every }];
  });
}

/** One report cannot be told from the other's; it is told where the second is. */
export function reportSharedHeartbeats(sections: readonly Section[]): void {
  const first = new Map<string, Place>();
  for (const section of sections) {
    const list = child(section.node, 'monitor');
    const items = list?.kind === 'list' ? list.items : [];
    for (const [index, item] of items.entries()) {
      const node = child(item, 'name');
      const name = textOf(node);
      if (textOf(child(item, 'type')) !== 'heartbeat' || node === undefined || name === undefined) continue;
      const other = first.get(name);
      if (other === undefined) {
        first.set(name, node.at);
        continue;
      }
      const place = `${other.file}:${other.line}:${other.column}`;
      const message = `the heartbeat "${name}" is configured twice; the other is at ${place}`;
      const path = fullPath({ section, path: ['monitor', index, 'name'] });
      addError(section.report, { at: node.at, path, message });
    }
  }
}
