/** Removes the sets at one destination that no retention rule keeps. */

import type { ArchiveInput, ArchiveOutput } from '#archive/action.ts';
import { decideRetention } from '#archive/retention.ts';
import { faultPoint } from '#kernel/fault.ts';
import { formatCount } from '#kernel/format.ts';
import { destination } from '#sdk/kinds/destination.ts';
import type { Tools } from '#sdk/tools.ts';

export async function retain(tools: Tools, input: ArchiveInput<'retain'>): Promise<ArchiveOutput<'retain'>> {
  const { service } = input;
  const place = tools.use(destination, input.destination);
  const { sets } = await place.list({ service });
  const decisions = decideRetention(sets, input.retention);
  const removed: string[] = [];
  // The oldest first: when this is cut short, what is left is the more useful part.
  for (const { set } of decisions.filter(({ keep }) => !keep).toReversed()) {
    faultPoint('retain.middle');
    tools.signal.throwIfAborted();
    await place.remove({ service, set: set.id });
    removed.push(set.id);
  }
  const kept = decisions.length - removed.length;
  return {
    kept,
    removed,
    pinned: sets.filter(({ pinned }) => pinned).map(({ id }) => id),
    summary: `${input.destination}: ${formatCount(kept, 'set')} kept, ${removed.length} removed`,
  };
}
