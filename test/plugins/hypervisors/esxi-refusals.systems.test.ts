/** What an ESXi host or a vCenter refuses, and what it says before that it would, on govmomi's simulator. */
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildSimulator, canSimulate, needsSimulator } from '#test/support/vsphere/simulator.ts';
import { openVsphere } from './esxi-bed.ts';

beforeAll(async () => {
  if (canSimulate()) await buildSimulator();
}, 300_000);
beforeEach((context) => needsSimulator(context));

const snapshotOf = (guest: string) => ({ guest, label: 'autopilot-b7k2', run: 'r1' });

const CHANGES = [
  ['RestrictedVersion', '', 'HA_REMOTE_REFUSED', 'read-only', 'ssh:'],
  [
    'NoPermission',
    '<object type="VirtualMachine">1</object><privilegeId>VirtualMachine.State.CreateSnapshot</privilegeId>',
    'HA_REMOTE_REFUSED',
    'the right VirtualMachine.State.CreateSnapshot is missing',
    'role',
  ],
  ['TaskInProgress', '<task type="Task">task-1</task>', 'HA_REMOTE_REFUSED', 'another task holds the guest', 'wait'],
  ['NoDiskSpace', '<datastore>datastore1</datastore>', 'HA_NO_SPACE', 'the datastore is full', 'room'],
  ['TooManySnapshotLevels', '', 'HA_REMOTE_REFUSED', 'cannot snapshot it', 'consolidate'],
  ['HostNotConnected', '', 'HA_REMOTE_UNREACHABLE', 'vCenter cannot reach the host', 'host is on'],
  ['ManagedObjectNotFound', '<obj type="VirtualMachine">1</obj>', 'HA_NOT_FOUND', 'not there any more', 'registered'],
] as const;

describe('a refusal', () => {
  test.each(CHANGES)('%s is told as what it is, with the next step', async (fault, detail, code, message, next) => {
    await using bed = await openVsphere('host');
    bed.proxy.troubles.push({ on: 'CreateSnapshot_Task', what: { fault, detail } });

    await expect(bed.act('snapshot', snapshotOf(bed.guest))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
      next: expect.stringContaining(next),
    });
  });

  test('of a guest without VMware Tools to shut down is told, and by force it is switched off', async () => {
    await using bed = await openVsphere('host');
    const stop = { guest: bed.guest, state: 'stopped', graceMs: 60_000 };
    const withoutTools = { on: 'ShutdownGuest', what: { fault: 'ToolsUnavailable' } };
    bed.proxy.troubles.push(withoutTools, withoutTools);

    await expect(bed.act('ensureState', stop)).rejects.toMatchObject({
      code: 'HA_REMOTE_REFUSED',
      next: expect.stringContaining('open-vm-tools'),
    });
    expect(await bed.act('ensureState', { ...stop, force: true })).toEqual({ changed: true, forced: true });
  });

  test('because it is in that state already is a success after a look, and only then', async () => {
    await using bed = await openVsphere('host');
    await bed.act('ensureState', { guest: bed.guest, state: 'stopped', graceMs: 0, force: true });
    const start = { guest: bed.guest, state: 'running' };

    bed.proxy.troubles.push({ on: 'PowerOnVM_Task', what: { fault: 'InvalidPowerState' } });
    await expect(bed.act('ensureState', start)).rejects.toMatchObject({ code: 'HA_REMOTE_REFUSED' });
    // What is read first was so a moment ago: somebody else is quicker.
    bed.proxy.edits.push({ on: 'RetrievePropertiesEx', from: />poweredOn</, to: '>poweredOff<', times: 2 });
    await bed.proxy.client.perform('PowerOnVM_Task', bed.machine);
    expect(await bed.act('ensureState', start)).toMatchObject({ changed: true });
  });

  test('of a guest that goes on running is HA_CHECK_FAILED', async () => {
    await using bed = await openVsphere('host');
    bed.proxy.edits.push({ on: 'RetrievePropertiesEx', from: />poweredOff</, to: '>poweredOn<' });

    await expect(bed.act('ensureState', { guest: bed.guest, state: 'stopped', graceMs: 300 })).rejects.toMatchObject({
      code: 'HA_CHECK_FAILED',
    });
  });
});

const POWER = '<propSet><name>runtime.powerState</name>';
const QUESTION = {
  from: new RegExp(POWER),
  to: `<propSet><name>runtime.question</name><val><id>1</id><text>Did you move it or copy it?</text></val></propSet>${POWER}`,
};

describe('what is possible', () => {
  test('is told with the licence that makes the API read-only', async () => {
    await using bed = await openVsphere('host');
    bed.proxy.edits.push({ on: 'RetrievePropertiesEx', from: /<editionKey>[^<]*</, to: '<editionKey>esxBasic<' });

    const { capabilities } = await bed.act('inspect');

    expect(capabilities).toContainEqual({
      name: 'snapshot',
      possible: false,
      reason: expect.stringContaining('licence'),
    });
    expect(capabilities).toContainEqual({ name: 'list', possible: true, reason: '' });
  });

  test('is told with the right that is missing, and on which guests', async () => {
    await using bed = await openVsphere('host');
    bed.proxy.edits.push({
      on: 'RetrievePropertiesEx',
      from: /<privilege>VirtualMachine.State.CreateSnapshot<\/privilege>/,
      to: '',
    });

    expect((await bed.act('inspect'))['capabilities']).toContainEqual({
      name: 'snapshot',
      possible: false,
      reason: expect.stringMatching(/VirtualMachine.State.CreateSnapshot is missing on .*ha-host_VM0/),
    });
    expect(await bed.act('canSnapshot', { guest: bed.guest })).toMatchObject({
      possible: false,
      summary: expect.stringContaining('VirtualMachine.State.CreateSnapshot'),
    });
  });

  test.each([
    ['waits for an answer', QUESTION, 'Did you move it or copy it?'],
    ['is held by a task', { from: /<state>success</, to: '<state>running<' }, 'createSnapshot'],
  ])('is not a snapshot of a guest that %s', async (_, edit, why) => {
    await using bed = await openVsphere('host');
    await bed.foreignSnapshot('theirs');
    bed.proxy.edits.push({ on: 'RetrievePropertiesEx', ...edit });

    expect(await bed.act('findGuest', { guest: bed.guest })).toMatchObject({
      guest: { lock: expect.stringContaining(why) },
    });
    expect(await bed.act('canSnapshot', { guest: bed.guest })).toMatchObject({
      possible: false,
      summary: expect.stringContaining(why),
    });
  });

  test('is all of it for who has all rights, with the storage and memory that there is', async () => {
    await using bed = await openVsphere('vcenter');

    const told = await bed.act('inspect');

    expect(told['capabilities']).toEqual(
      ['list', 'power', 'snapshot', 'restore', 'resources'].map((name) => ({ name, possible: true, reason: '' })),
    );
    const { storages, memory } = await bed.act('resources');
    expect(storages).toContainEqual({
      name: 'LocalDS_0',
      holds: ['disks', 'snapshots'],
      totalBytes: expect.any(Number),
      freeBytes: expect.any(Number),
    });
    expect(memory).toEqual({ totalBytes: expect.any(Number), freeBytes: expect.any(Number) });
  });

  const INDEPENDENT = '<diskMode>independent_persistent</diskMode>';
  const PHYSICAL = '<compatibilityMode>physicalMode</compatibilityMode><diskMode>persistent</diskMode>';
  test.each([
    ['no disk that a snapshot could hold', /<diskMode>persistent<\/diskMode>/, INDEPENDENT],
    ['raw device', /<diskMode>persistent<\/diskMode>/, PHYSICAL],
    ['shares a bus', /<sharedBus>noSharing</, '<sharedBus>physicalSharing<'],
    ['device of the host', /:type="VirtualDisk"/, ':type="VirtualPCIPassthrough"'],
  ])('is not a snapshot of a guest that has: %s', async (why, from, to) => {
    await using bed = await openVsphere('host');
    bed.proxy.edits.push({ on: 'RetrievePropertiesEx', from, to });

    expect(await bed.act('canSnapshot', { guest: bed.guest })).toMatchObject({
      possible: false,
      summary: expect.stringContaining(why),
    });
  });
});
