/** Restore drills as their owner sees them: proven, or told that they are not; the service never notices. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import { flipByte } from '#test/archive/bed.ts';
import type { TestHomelab } from '#test/support/homelab.ts';
import { startHomelab } from '#test/support/homelab.ts';

const CONFIG = `version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations: { usb: { type: local, path: DIR/usb }, vault: { type: local, path: DIR/vault } }
notifications:
  channels: { desk: { type: webhook, webhook_url: "http://127.0.0.1:9/" } }
  routes: [{ events: [drill_failed], channels: [desk] }]
backup: { destinations: [usb, vault] }
services:
  - { name: notes, type: generic, backup: { paths: [DIR/notes] } }
  - { name: photos, type: generic, backup: { paths: [DIR/photos], drill: { destination: vault } } }
  - { name: large, type: generic, backup: { paths: [DIR/notes], drill: { max_bytes: 1K } } }
  - { name: nightly, type: generic, backup: { paths: [DIR/photos], drill: { schedule: '0 4 * * sun' } } }
`;

let lab: TestHomelab;

beforeAll(async () => {
  lab = await startHomelab(CONFIG);
  await lab.write('notes/a.txt', 'x'.repeat(10_000));
  await lab.write('photos/b.txt', 'a photo');
  for (const place of ['usb', 'vault']) await lab.write(`${place}/.here`, '');
  await lab.start(['up', '--port', '0']);
  for (const service of ['notes', 'photos', 'large', 'nightly']) await lab.backup(service);
});

afterAll(() => lab[Symbol.asyncDispose]());

async function drill(service: string): Promise<RunDetail> {
  return await lab.run('drill', service);
}

const json = async (...words: string[]) => JSON.parse((await lab.cli([...words, '--json'])).stdout);
const staging = async () => readdir(join(lab.dir, 'state/backups/staging'));

test('a drill tells when, how fast and how fresh a service could be restored, wherever backups are shown', async () => {
  await writeFile(join(lab.dir, 'notes/a.txt'), 'written since');

  const before = await json('services');
  const run = await drill('notes');

  expect(before.services[0]).toMatchObject({ name: 'notes', lastDrill: null });
  expect(run).toMatchObject({ status: 'succeeded', reason: null });
  expect(run.steps.map(({ action }) => action)).toEqual(['unpack', 'compare', 'attest', 'discard']);
  const [service] = (await json('services')).services;
  expect(service.lastDrill).toMatchObject({ run: run.id, destination: 'usb', started: false });
  expect(service.lastDrill.recoveryMs).toBeGreaterThan(0);
  expect(service.lastDrill.dataAgeMs).toBeGreaterThan(0);
  const [point] = (await json('backups', 'notes')).restorePoints;
  expect(point.lastDrill).toEqual(service.lastDrill);
  expect((await lab.cli(['backups', 'show', point.id])).stdout).toMatch(/proven .*, files restored from usb in /);
  expect((await lab.cli(['backups', 'notes'])).stdout).toContain('proven ');
  expect(await staging()).toEqual([]);
  expect(await readFile(join(lab.dir, 'notes/a.txt'), 'utf8')).toBe('written since');
});

test('a drill of a damaged copy fails, is told by an event of its own, and proves nothing', async () => {
  const [point] = (await json('backups', 'photos')).restorePoints;
  await flipByte(join(lab.dir, 'vault/photos', point.id, 'data.tar.zst'), 20);

  const run = await drill('photos');

  expect(run).toMatchObject({ status: 'failed' });
  expect(await staging()).toEqual([]);
  const { services } = await json('services');
  expect(services[1]).toMatchObject({ name: 'photos', lastDrill: null });
  const told = await json('notify', 'log');
  expect(JSON.stringify(told)).toContain('drill_failed');
});

test('a drill of a set that is larger than allowed is refused before anything is unpacked, and says what to raise', async () => {
  const run = await drill('large');

  expect(run).toMatchObject({ status: 'failed' });
  expect(run.reason).toContain('nothing was unpacked');
  expect(run.next).toContain('backup.drill.max_bytes');
});

test('a drill takes the set that is named, from the destination that is named, and knows what there is', async () => {
  const [point] = (await json('backups', 'notes')).restorePoints;
  const named = await lab.cli([
    'plan',
    'drill',
    'notes',
    '--input',
    `from=${point.id}`,
    '--input',
    'destination=vault',
  ]);
  const unknown = await lab.cli(['plan', 'drill', 'notes', '--input', 'destination=attic']);

  expect(named.stdout).toContain('vault');
  expect(unknown.stderr).toContain('notes has no backups on "attic"');
});

test('a drill has a schedule of its own, which is not that of the backups', async () => {
  const { schedules } = await json('schedules');

  expect(schedules).toMatchObject([{ id: 'drill.nightly', workflow: 'drill', service: 'nightly' }]);
});
