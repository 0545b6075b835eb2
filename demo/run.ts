/** `npm run demo [-- --keep]`: a small real service is backed up, destroyed, restored and updated, before the reader's eyes. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Homelab } from './homelab.ts';
import { openHomelab } from './homelab.ts';
import { check, say, title } from './narrator.ts';
import { BROKEN_VERSION } from './notes/version.ts';

const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());

try {
  await using lab = await openHomelab(interrupted.signal);
  await story(lab);
  if (values.keep && !interrupted.signal.aborted) await keepOpen(lab);
} catch (error) {
  say(`\n✘ the demo did not succeed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
}

async function story(lab: Homelab): Promise<void> {
  title('1', 'A small homelab: one service with a database and files, two places for backups');
  await lab.notesctl('start');
  await lab.addNotes(12);
  const before = await lab.answer();
  say(`notes answers on ${lab.notesUrl} with ${before.count} notes`);
  await lab.up();
  say(`the controller, a worker and a private Redis are running; the queues: ${lab.queuesUrl}`);

  title('2', 'Back it up');
  await lab.cli(['enqueue', 'backup', 'notes', '--wait']);
  const point = await lab.newestRestorePoint();
  check(point.verified === 2, `both copies were read back and found whole (restore point ${point.id.slice(0, 4)})`);
  check((await lab.answer()).text === before.text, 'the service runs as before');

  title('3', 'Disaster: the data is gone');
  await lab.notesctl('stop');
  await rm(lab.dataDir, { recursive: true });
  await lab.notesctl('start');
  const after = await lab.answer();
  check(after.count === 0, `notes answers with ${after.count} notes: ${before.count} are lost`);

  title('4', 'Restore');
  await lab.notesctl('stop');
  await lab.cli(['backups', 'restore', point.id, '--overwrite']);
  await lab.notesctl('start');
  const restored = await lab.answer();
  check(
    restored.text === before.text,
    `notes gives the same answer as before: ${restored.count} notes, every attachment`,
  );

  title('5', 'A new version that works');
  lab.offer('2.0');
  await lab.cli(['enqueue', 'update', 'notes', '--wait']);
  check((await lab.version()) === '2.0', 'notes 2.0 runs');
  check((await lab.answer()).text === before.text, 'with the same answer as before');

  title('6', 'A new version that loses notes and does not work');
  lab.offer(BROKEN_VERSION);
  await lab.cli(['enqueue', 'update', 'notes', '--wait'], 1);
  const back = await lab.answer();
  check((await lab.version()) === '2.0', 'notes 2.0 runs again');
  check(back.text === before.text, `with all ${back.count} notes, every attachment: program and data of one instant`);

  title('7', 'What is left to look at');
  await lab.cli(['runs']);
  say('');
  await lab.cli(['backups']);
  say('\n✔ backed up, destroyed, restored, updated, and brought back from a bad update with nothing lost');
}

async function keepOpen(lab: Homelab): Promise<void> {
  say(`\nEverything stays until Ctrl-C. The run as a flow: ${lab.queuesUrl}`);
  say(`The folder: ${lab.dir}. Try:  ${join('bin', 'homelab-autopilot')} --config ${lab.configFile} backups`);
  await new Promise((resolve) => {
    interrupted.signal.addEventListener('abort', resolve, { once: true });
  });
}
