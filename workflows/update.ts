/** Brings one service to its newest allowed version, or leaves it exactly as it was: image, configuration and data. */
import { z } from 'zod';
import { encryptionOf, requireIdentity } from '#sdk/encryption.ts';
import {
  canLoad,
  dumpPresent,
  gate,
  goTo,
  keepPresent,
  makeSet,
  placeNames,
  reachOf,
  releaseOf,
  reseal,
  setOf,
  tidyStaging,
  UNDO_DUMP_PRESENT,
} from '#sdk/matched-set.ts';
import { protectionOf } from '#sdk/protection.ts';
import { requireActions, requireWhole } from '#sdk/requirements.ts';
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
    const { service, archive, change } = context;
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
    requireIdentity(context, 'update');
    const targets = outputOf(service, 'checkUpdate', 'check', 'targets');
    const version = outputOf(service, 'checkUpdate', 'check', 'to');
    const release = releaseOf(context);
    const set = setOf(context);
    const reach = { ...set, from: placeNames(context), ...canLoad(context), ...encryptionOf(context) };
    const protection = protectionOf(context);
    const look = { policy: change.policy, ...(to === undefined ? {} : { to }) };
    const ready = [
      service.do('checkUpdate', look, { key: 'check', stopUnless: 'available' }),
      ...(protection === null ? [] : [protection.check]),
      service.do('fetch', { targets, policy: change.policy }),
      // After the fetch, which may take an hour: what is down by then would be taken for stopped on purpose.
      ...(force ? [] : [gate(context, { key: 'works-now', title: 'works now' })]),
    ];
    const changing = [
      makeSet(context, {
        all: true,
        judge: !force,
        wayBack: true,
        with: protection === null ? [] : [protection.make],
      }),
      archive.do('checkRestore', reach, { key: 'way-back', title: 'way back', uses: reachOf(context) }),
      service.do('hold', { set: set.set, release }),
      reversible(
        sequence(
          service.do('update', { to: version, targets, release }),
          gate(context, { key: 'gate', title: 'gate' }),
        ),
        ...wayBack(context, protection?.back),
      ),
      service.do('letGo', { keep: set.set }, { title: 'let go of older images' }),
    ];
    // A snapshot that was never begun is not looked for: its hypervisor may be what did not answer.
    const protectedly = protection === null ? changing : [tidied(sequence(...changing), protection.remove)];
    return tidied(sequence(...ready, ...protectedly), ...tidyStaging(context));
  },
});

/**
 * A guest goes back as a whole, and only when all is to go back. It goes first: nothing in it may work any more. What its
 * snapshot does not cover comes from the set of the same instant.
 */
function wayBack(context: PlanContext, guestBack: StepNode | undefined): StepNode[] {
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
  if (guestBack !== undefined && parts.image && config && data)
    return [...asks, guestBack, reseal(context), stop, ...put];
  if (!data) return [...asks, stop, ...put];
  return [...asks, ...dumpPresent(context), stop, ...keepPresent(context, UNDO_DUMP_PRESENT), ...put];
}
