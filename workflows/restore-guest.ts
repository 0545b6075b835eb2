/** Replaces the guest of a service, as a whole, by a backup that its platform keeps. */
import { z } from 'zod';
import { guestWithBackups, keepGuest } from '#sdk/guest-backup.ts';
import { gate } from '#sdk/matched-set.ts';
import { defineWorkflow, InputText, outputOf, reversible, sequence } from '#sdk/workflow.ts';

export const workflow = defineWorkflow({
  name: 'restore-guest',
  title: 'Bring the whole guest of a service back from a backup that its hypervisor keeps',
  changes: true,
  section: 'backup',
  input: z.object({
    from: InputText.optional().describe('The backup, as the hypervisor names it; left out, the newest one'),
    keep: z
      .boolean()
      .default(true)
      .describe('Back the guest up as it is first, as the way back; false for one that is beyond that'),
  }),

  plan(context, { from, keep }) {
    const { hypervisor, id: guest } = guestWithBackups(context);
    const find = hypervisor.do(
      'findBackup',
      { guest, ...(from === undefined ? {} : { backup: from }) },
      { key: 'find', title: `backup of ${guest}` },
    );
    const found = outputOf(hypervisor, 'findBackup', 'find', 'id');
    const look = hypervisor.do(
      'canRestoreBackup',
      { guest, backup: found },
      { key: 'look', title: `whether ${guest} can be restored`, failUnless: 'possible' },
    );
    const put = (backup: string, key: string, title: string) =>
      hypervisor.do('restoreBackup', { guest, backup, state: 'running' }, { key, title });
    const change = sequence(put(found, 'restore', `restore ${guest}`), gate(context, { key: 'gate', title: 'gate' }));
    // Nothing of before is there then: a failure calls a person.
    if (!keep) return sequence(find, look, reversible(change));
    return sequence(
      find,
      look,
      keepGuest(context, { key: 'keep-present', title: `keep ${guest} as it is` }),
      reversible(
        change,
        put(outputOf(hypervisor, 'backup', 'keep-present', 'id'), 'restore-present', `${guest} as it was`),
        gate(context, { key: 'gate-again', title: 'gate again' }),
      ),
    );
  },
});
