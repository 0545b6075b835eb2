/** Brings one service to its newest allowed version, or leaves it exactly as it was: image, configuration and data. */
import { z } from 'zod';
import {
  gate,
  goTo,
  keepPresent,
  makeSet,
  placeNames,
  releaseOf,
  requireActions,
  requireWhole,
  setOf,
  tidyStaging,
} from '#sdk/matched-set.ts';
import type { PlanContext, StepNode } from '#sdk/workflow.ts';
import { defineWorkflow, InputText, outputOf, reversible, sequence, tidied } from '#sdk/workflow.ts';

export const workflow = defineWorkflow({
  name: 'update',
  title: 'Update a service, and bring back image, configuration and data if it does not work',
  changes: true,
  waves: true,
  section: 'update',
  input: z.object({
    to: InputText.optional().describe('The version to go to, whatever the policy says'),
    force: z.boolean().default(false).describe('Update although the service does not work now'),
  }),

  plan(context, { to, force }) {
    const { service, archive, backup, change } = context;
    requireActions(
      context,
      'update',
      'checkUpdate',
      'release',
      'fetch',
      'hold',
      'update',
      'standby',
      'revert',
      'letGo',
    );
    const targets = outputOf(service, 'checkUpdate', 'check', 'targets');
    const version = outputOf(service, 'checkUpdate', 'check', 'to');
    const release = releaseOf(context);
    const set = setOf(context);
    const reach = { ...set, from: placeNames(context) };

    return tidied(
      sequence(
        service.do(
          'checkUpdate',
          { policy: change.policy, ...(to === undefined ? {} : { to }) },
          { key: 'check', stopUnless: 'available' },
        ),
        ...(force ? [] : [gate(context, { key: 'works-now', title: 'works now' })]),
        service.do('fetch', { targets, policy: change.policy }),
        makeSet(context, { all: true, judge: !force }),
        archive.do('checkRestore', reach, { key: 'way-back', title: 'way back', uses: backup.destinations }),
        service.do('hold', { set: set.set, release }),
        reversible(
          sequence(
            service.do('update', { to: version, targets, release }),
            gate(context, { key: 'gate', title: 'gate' }),
          ),
          ...wayBack(context),
        ),
        service.do('letGo', { keep: set.set }, { title: 'let go of older images' }),
      ),
      ...tidyStaging(context),
    );
  },
});

function wayBack(context: PlanContext): StepNode[] {
  const { mode, askAfterMs, ...parts } = context.change.rollback;
  if (mode === 'never') return [];
  requireWhole(context, parts);
  const set = setOf(context);
  const { data, config } = parts;
  const weigh = (limit: number | null) => {
    const capturedAt = outputOf(context.archive, 'capture', 'capture', 'createdAt');
    const input = { ...set, capturedAt, askAfterMs: limit, data, config };
    return context.archive.do('weigh', input, { key: 'ask-first', title: 'ask a person first' });
  };
  if (mode === 'ask') return [weigh(null)];
  const { stop, put } = goTo(context, { set: set.set, release: releaseOf(context), parts });
  const asks = data && askAfterMs !== null ? [weigh(askAfterMs)] : [];
  return [...asks, stop, ...(data ? keepPresent(context) : []), ...put];
}
