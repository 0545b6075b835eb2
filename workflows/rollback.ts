/** Brings one service back to a restore point: image, configuration and data of the same instant, or the parts you name. */
import { z } from 'zod';
import { chosenPoint } from '#sdk/chosen-point.ts';
import {
  canLoad,
  dumpPresent,
  goTo,
  keepPresent,
  lookFirst,
  placeNames,
  reachOf,
  releaseOf,
  requireActions,
  requireWhole,
  tidyStaging,
} from '#sdk/matched-set.ts';
import { registriesOf } from '#sdk/registry/in-plan.ts';
import { defineWorkflow, InputText, outputOf, reversible, sequence, tidied } from '#sdk/workflow.ts';

export const workflow = defineWorkflow({
  name: 'rollback',
  title: 'Bring a service back to a restore point, with its image, configuration and data',
  changes: true,
  section: 'backup',
  input: z.object({
    to: InputText.optional().describe('The restore point; left out, the newest one'),
    image: z.boolean().default(true).describe('Bring the images back'),
    config: z.boolean().default(true).describe('Bring the configuration files back'),
    data: z.boolean().default(true).describe('Bring the data back'),
  }),

  plan(context, { to, ...parts }) {
    requireActions(context, 'rollback', 'release', 'standby', 'revert', 'hold');
    requireWhole(context, parts);
    const { service, archive, backup, run } = context;
    const set = chosenPoint(context, to);
    const wanted = { set, service: service.name, from: placeNames(context) };
    const reach = reachOf(context);
    const now = releaseOf(context);
    const target = outputOf(archive, 'recall', 'recall', 'release');
    const all = { image: true, config: true, data: true };
    const there = goTo(context, { set, release: target, parts });
    const back = goTo(context, { set: run.replaced, release: now, parts: all }, '-present');

    return tidied(
      sequence(
        archive.do('recall', wanted, { title: 'restore point', uses: backup.destinations }),
        service.do('sources', {}),
        service.do('release', {}),
        archive.do(
          'checkRestore',
          { ...wanted, ...canLoad(context) },
          { key: 'way-back', title: 'room for it', uses: reach },
        ),
        ...lookFirst(context, target, parts),
        service.do('hold', { set: run.replaced, release: now }),
        // What was stopped runs again as it was when its present data cannot be kept.
        reversible(
          sequence(...dumpPresent(context), there.stop, ...keepPresent(context)),
          service.do(
            'revert',
            { release: now, registries: registriesOf(context) },
            { key: 'start-again', title: 'start again' },
          ),
        ),
        reversible(sequence(...there.put), back.stop, ...back.put),
      ),
      ...tidyStaging(context),
    );
  },
});
