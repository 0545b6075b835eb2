/** Brings a whole service back from a backup set onto its host, whatever is left of it there. */
import { z } from 'zod';
import { chosenPoint } from '#sdk/chosen-point.ts';
import { canLoad, goTo, lookFirst, placeNames, reachOf, requireActions, setOf } from '#sdk/matched-set.ts';
import { defineWorkflow, InputText, outputOf, persistent, reversible, sequence, tidied } from '#sdk/workflow.ts';

export const workflow = defineWorkflow({
  name: 'restore',
  title: 'Restore a whole service from a backup set, also onto a new machine',
  changes: true,
  section: 'backup',
  input: z.object({
    from: InputText.optional().describe('The restore point; left out, the newest one'),
    overwrite: z.boolean().default(false).describe('Replace data that is there and newer than the set'),
  }),

  plan(context, { from, overwrite }) {
    requireActions(context, 'restore', 'standby', 'revert');
    const { service, archive, backup } = context;
    const set = chosenPoint(context, from);
    const wanted = { set, service: service.name, from: placeNames(context) };
    const release = outputOf(archive, 'recall', 'recall', 'release');
    const parts = { image: true, config: true, data: true };
    const { stop, put } = goTo(context, { set, release, parts });

    return tidied(
      sequence(
        archive.do('recall', wanted, { title: 'backup set', uses: backup.destinations }),
        archive.do(
          'checkRestore',
          { ...wanted, overwrite, ...canLoad(context) },
          { key: 'room', title: 'room for it', uses: reachOf(context) },
        ),
        ...lookFirst(context, release, parts),
        // Nothing of before is kept here, so there is no way back but another restore: a failure calls a person.
        reversible(sequence(stop, ...put)),
      ),
      persistent(archive.do('discard', setOf(context), { title: 'tidy up' })),
    );
  },
});
