/** What every hypervisor promises, tried on the one whose guests stand in a file: the promises can be kept. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { openPlugin } from '#host/harness.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin } from '#test/fixtures/plugins/hypervisors/shelf.ts';
import { type GuestBed, keepsGuests, keepsSnapshots } from '#test/plugins/hypervisors/promises.ts';
import { tempDir } from '#test/support/tmp.ts';

const Shelf = z.array(z.looseObject({ content: z.string().default(''), snapshots: z.array(z.json()).default([]) }));

async function openShelf(): Promise<GuestBed> {
  const dir = await tempDir();
  const harness = await openPlugin(plugin);
  const file = join(dir.path, 'guests.json');
  await writeFile(file, JSON.stringify([{ id: '104', name: 'notes', type: 'vm', state: 'running' }]));
  const guests = async () => Shelf.parse(JSON.parse(await readFile(file, 'utf8')));
  const edit = async (change: (guest: JsonObject & { snapshots: unknown[] }) => void) => {
    const all = await guests();
    for (const guest of all) change(guest as JsonObject & { snapshots: unknown[] });
    await writeFile(file, JSON.stringify(all));
  };
  return {
    act: (action, input = {}) => harness.run(action, { file }, input),
    guest: '104',
    write: (text) => edit((guest) => void Object.assign(guest, { content: text })),
    read: async () => (await guests())[0]?.content ?? '',
    foreignSnapshot: (label) =>
      edit(({ snapshots }) => {
        snapshots.push({ label, run: null, createdAt: null, covers: [], complete: true, content: 'foreign' });
      }),
    async [Symbol.asyncDispose]() {
      await harness[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

keepsGuests(openShelf);
keepsSnapshots(openShelf);
