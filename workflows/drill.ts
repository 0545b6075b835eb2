/** Tries a restore out: the newest set, and the newest backup of the whole guest where that is wanted; each apart, and removed. */
import { z } from 'zod';
import { drilledPlace } from '#sdk/drill.ts';
import { encryptionOf } from '#sdk/encryption.ts';
import { drillGuest } from '#sdk/guest-backup.ts';
import { registriesOf } from '#sdk/registry/in-plan.ts';
import { defineWorkflow, InputText, outputOf, persistent, sequence, tidied } from '#sdk/workflow.ts';

type Unpacked = 'set' | 'createdAt' | 'root' | 'trees' | 'release' | 'tookMs' | 'dumps' | 'dumpsAt';

export const workflow = defineWorkflow({
  name: 'drill',
  title: 'Prove that a backup can be restored, without touching the service',
  changes: false,
  section: 'backup',
  input: z.object({
    from: InputText.optional().describe('The restore point to try; left out, the newest one of the destination'),
    destination: InputText.optional().describe('The destination to restore from; left out, the configured one'),
    guest: z
      .boolean()
      .default(true)
      .describe('Try the backup of its whole guest too, where backup.drill.guest says how; false leaves it out'),
  }),

  plan(context, { from, destination, guest }) {
    const { service, archive, backup, change } = context;
    const { place, set } = drilledPlace(context, { from, destination });
    const { maxBytes, timeoutMs } = backup.drill;
    const apart = { service: service.name, place: context.run.restorePoint };
    const trial = context.run.restorePoint;
    const unpacked = <F extends Unpacked>(field: F) => outputOf(archive, 'unpack', 'restore', field);
    const loadable =
      backup.drill.databases && backup.databases && service.can('tryDumps') && service.can('endTryDumps');
    const startable = service.can('trial') && service.can('endTrial');
    const files = { root: unpacked('root'), trees: unpacked('trees'), release: unpacked('release') };
    const filled = loadable ? { dumps: unpacked('dumps'), dumpsAt: unpacked('dumpsAt') } : {};
    const started = service.do(
      'trial',
      { trial, ...files, ...filled, probes: backup.drill.probes, registries: registriesOf(context), ...change.gate },
      { key: 'start', title: 'start it apart', failUnless: 'healthy', retry: { attempts: 1 }, timeoutMs },
    );

    const loaded = service.do(
      'tryDumps',
      { trial, directory: unpacked('dumpsAt'), dumps: unpacked('dumps') },
      { key: 'load', title: 'load its dumps apart', timeoutMs },
    );

    const ofSet = tidied(
      sequence(
        archive.do(
          'unpack',
          { ...apart, destination: place.name, ...set, maxBytes, dumps: loadable, ...encryptionOf(context) },
          { key: 'restore', title: `restore from ${place.name}`, uses: [place], timeoutMs },
        ),
        archive.do('compare', apart, { timeoutMs }),
        ...(loadable ? [loaded] : []),
        ...(startable ? [started] : []),
        archive.do(
          'attest',
          {
            service: service.name,
            set: unpacked('set'),
            destination: place.name,
            createdAt: unpacked('createdAt'),
            unpackMs: unpacked('tookMs'),
            startMs: startable ? outputOf(service, 'trial', 'start', 'startMs') : null,
          },
          { key: 'proven', title: 'proven' },
        ),
      ),
      ...(loadable
        ? [persistent(service.do('endTryDumps', { trial }, { key: 'unload', title: 'remove what was loaded' }))]
        : []),
      ...(startable
        ? [persistent(service.do('endTrial', { trial }, { key: 'end', title: 'remove what was started' }))]
        : []),
      persistent(archive.do('discard', { set: apart.place, service: service.name }, { title: 'tidy up' })),
    );
    return sequence(ofSet, ...(guest ? drillGuest(context) : []));
  },
});
