/** The fixture plugins do every action of their kind, from stored input to stored output. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openPlugin } from '#host/harness.ts';
import type { JsonObject } from '#kernel/json.ts';
import { kinds } from '#sdk/catalog.ts';
import type { Plugin } from '#sdk/contract.ts';
import { plugin as shelf } from '#test/fixtures/plugins/hypervisors/shelf.ts';
import { plugin as mailbox } from '#test/fixtures/plugins/notifications/mailbox.ts';
import { plugin as folder } from '#test/fixtures/plugins/services/folder.ts';
import { tempDir } from '#test/support/tmp.ts';

/** Runs the actions one after the other; each must be one of the kind, and none of the kind may be left out. */
async function runAll(plugin: Plugin, config: JsonObject, inputs: readonly (readonly [string, JsonObject])[]) {
  await using harness = await openPlugin(plugin);
  const outputs: JsonObject[] = [];
  for (const [action, input] of inputs) outputs.push(await harness.run(action, config, input));
  const done = new Set(inputs.map(([action]) => action));
  return { outputs, done, of: new Set(Object.keys(kinds[plugin.kind].actions)) };
}

test('a hypervisor finds its own snapshot again, goes back to it, and removes it once', async () => {
  await using dir = await tempDir();
  const file = join(dir.path, 'guests.json');
  await writeFile(file, JSON.stringify([{ id: '104', name: 'notes', type: 'vm', state: 'running' }]));
  const label = { guest: '104', label: 'autopilot-b7k2', run: 'r1' };
  const copy = { guest: '104', spare: '9104', trial: 't1' };

  const { outputs, done, of } = await runAll(shelf, { file }, [
    ['inspect', {}],
    ['resources', {}],
    ['canSnapshot', { guest: '104' }],
    ['snapshot', label],
    ['snapshot', label],
    ['listSnapshots', { guest: '104' }],
    ['ensureState', { guest: '104', state: 'stopped' }],
    ['restoreSnapshot', label],
    ['findGuest', { guest: '104' }],
    ['listGuests', {}],
    ['deleteSnapshot', label],
    ['deleteSnapshot', label],
    ['backup', { guest: '104', run: 'r1' }],
    ['backup', { guest: '104', run: 'r1' }],
    ['listBackups', {}],
    ['findBackup', { guest: '104' }],
    ['retainBackups', { guest: '104', keep: 1 }],
    ['canRestoreBackup', { guest: '104', backup: '104-r1' }],
    ['restoreBackup', { guest: '104', backup: '104-r1' }],
    ['tryBackup', { ...copy, backup: '104-r1', maxBytes: 1, startMs: 1, stableMs: 0 }],
    ['endTry', { ...copy, trial: 'another' }],
    ['endTry', copy],
    ['deleteBackup', { backup: '104-r1', run: 'another' }],
    ['deleteBackup', { backup: '104-r1', run: 'r1' }],
  ]);

  expect(done).toEqual(of);
  expect(outputs[3]?.['snapshot']).toEqual(outputs[4]?.['snapshot']);
  expect(outputs[5]).toMatchObject({ snapshots: [{ label: 'autopilot-b7k2', run: 'r1', complete: true }] });
  expect(outputs[12]).toEqual(outputs[13]);
  expect(outputs.slice(6, 8)).toEqual([{ changed: true, forced: false }, { summary: 'back at autopilot-b7k2' }]);
  expect(outputs[8]).toMatchObject({ guest: { id: '104', state: 'running', node: null, lock: null } });
  expect(outputs[9]).toMatchObject({ guests: [{ id: '104', name: 'notes', type: 'vm', state: 'running' }] });
  expect(outputs.slice(10, 12)).toEqual([{ removed: true }, { removed: false }]);
  expect(outputs[14]).toMatchObject({ backups: [{ id: '104-r1', run: 'r1' }] });
  expect(outputs.slice(15, 17)).toMatchObject([{ id: '104-r1' }, { removed: [] }]);
  expect(outputs.slice(-4)).toEqual([{ removed: false }, { removed: true }, { removed: false }, { removed: true }]);
});

test('a notification that is sent twice is there once', async () => {
  await using dir = await tempDir();
  const message = {
    id: 'm1',
    event: 'backup_failed',
    severity: 'error',
    title: 'backup notes failed',
    text: 'the disk is full',
    at: new Date(0).toISOString(),
  };

  const { outputs, done, of } = await runAll(mailbox, { folder: dir.path }, [
    ['check', {}],
    ['send', { message }],
    ['send', { message }],
  ]);

  expect(done).toEqual(of);
  expect(outputs[1]).toEqual(outputs[2]);
  expect(await readdir(dir.path)).toEqual(['m1.json']);
});

/** All that an update does with a service, and the way back. */
function updateOf(release: JsonObject): [string, JsonObject][] {
  return [
    ['versions', {}],
    ['release', {}],
    ['checkUpdate', {}],
    ['fetch', { targets: [] }],
    ['hold', { set: 'set-one', release }],
    ['letGo', { keep: 'set-one' }],
    ['ready', { release, data: true }],
    ['bring', { release }],
    ['update', { to: '2', targets: [], release }],
    ['standby', { release }],
    ['revert', { release }],
  ];
}

test('a service is down between quiesce and resume, and up after it; an update and its way back lead to where it was', async () => {
  await using dir = await tempDir();
  const release = { version: '1', images: [], configFiles: [], detail: {} };

  const { outputs, done, of } = await runAll(folder, { folder: dir.path }, [
    ['sources', {}],
    ['quiesce', {}],
    ['inspect', {}],
    ['resume', {}],
    ['resume', {}],
    ['validate', {}],
    ['quiesce', {}],
    ['restart', { stop: false }],
    ['restart', {}],
    ['inspect', {}],
    ['dump', { directory: dir.path, level: 3 }],
    ['load', { directory: dir.path, dumps: [], release }],
    ['tryDumps', { trial: 'trial-one', directory: dir.path, dumps: [] }],
    ['endTryDumps', { trial: 'trial-one' }],
    ['trial', { trial: 'trial-one', root: dir.path, trees: [], release, timeoutMs: 1_000, stableForMs: 0 }],
    ['endTrial', { trial: 'trial-one' }],
    ['endTrial', { trial: 'trial-one' }],
    ...updateOf(release),
  ]);

  expect(done).toEqual(of);
  expect(outputs.slice(-3)).toMatchObject([{ version: '2' }, { summary: 'stopped' }, { version: '1' }]);
  expect(outputs[0]).toEqual({ sources: [{ path: dir.path, exclude: ['stopped'] }], warnings: [] });
  expect(outputs[2]).toMatchObject({ state: 'down' });
  expect(outputs[5]).toMatchObject({ healthy: true });
  expect(outputs[9]).toMatchObject({ state: 'up' });
  expect(await readdir(dir.path)).not.toContain('trial-one');
});
