/** Backs one service up: data brought to rest, captured, verified, copied to every destination, each copy verified. */
import { z } from 'zod';
import { backUpGuest } from '#sdk/guest-backup.ts';
import { makeSet, setOf } from '#sdk/matched-set.ts';
import { defineWorkflow, persistent, sequence, tidied } from '#sdk/workflow.ts';

export const workflow = defineWorkflow({
  name: 'backup',
  title: 'Back a service up to its destinations, and verify every copy',
  changes: true,
  section: 'backup',
  input: z.object({}),

  plan(context) {
    const tidyUp = context.archive.do('discard', setOf(context), { title: 'tidy up' });
    const set = makeSet(context);
    const guest = backUpGuest(context);
    return tidied(guest.length === 0 ? set : sequence(set, ...guest), persistent(tidyUp));
  },
});
