/** Backs one service up: data brought to rest, captured, verified, copied to every destination, each copy verified. */
import { z } from 'zod';
import { bracket, defineWorkflow, outputOf, parallel, persistent, sequence, tidied } from '#sdk/workflow.ts';

export const workflow = defineWorkflow({
  name: 'backup',
  title: 'Back a service up to its destinations, and verify every copy',
  changes: true,
  input: z.object({}),

  plan({ run, service, archive, backup }) {
    const set = { set: run.restorePoint, service: service.name };
    const places = backup.destinations;
    const sources = outputOf(service, 'sources', 'sources', 'sources');
    const expected = {
      files: outputOf(archive, 'preflight', 'preflight', 'files'),
      contentBytes: outputOf(archive, 'preflight', 'preflight', 'contentBytes'),
    };
    const copyTo = (place: (typeof places)[number]) => {
      const others = places.map(({ name }) => name).filter((name) => name !== place.name);
      return sequence(
        archive.do(
          'copy',
          { ...set, to: place.name, from: others },
          { key: `copy-${place.name}`, title: `copy → ${place.name}`, uses: places },
        ),
        archive.do(
          'verifyCopy',
          { ...set, destination: place.name },
          { key: `verify-${place.name}`, title: `verify ${place.name}`, uses: [place] },
        ),
        archive.do(
          'retain',
          { service: service.name, destination: place.name, retention: backup.retention },
          { key: `retention-${place.name}`, title: `retention ${place.name}`, uses: [place] },
        ),
      );
    };

    return tidied(
      sequence(
        service.do('sources', {}),
        archive.do('preflight', { sources, destinations: places.map(({ name }) => name) }, { uses: places }),
        bracket(
          sequence(
            // One attempt: the service may already be down, and the way out is the release below, not a second try.
            service.do('quiesce', {}, { retry: { attempts: 1 } }),
            archive.do('capture', { ...set, run: run.id, sources, compression: backup.compression, expected }),
          ),
          persistent(service.do('resume', {})),
        ),
        archive.do('seal', set, { key: 'verify', title: 'verify' }),
        parallel(...places.map(copyTo)),
      ),
      persistent(archive.do('discard', set, { title: 'tidy up' })),
    );
  },
});
