/** Unraid by its API: its guests, answers that are lost or refused, and the array that all of them need. */
import { buildSchema, isObjectType } from 'graphql';
import { describe, expect, test } from 'vitest';
import { publishedSchema } from '#test/support/unraid/schema.ts';
import { SUBSET } from '#test/support/unraid/subset.ts';
import { type MemoryWorld, memoryWorld, UUID } from '#test/support/unraid/worlds.ts';
import { openUnraidBed, type UnraidBed } from './unraid-bed.ts';

const STOP = { guest: 'notes', state: 'stopped', force: true };

async function openBed(world: MemoryWorld = memoryWorld()): Promise<UnraidBed> {
  return await openUnraidBed(world);
}

const mutations = (bed: UnraidBed) => bed.fake.asked.filter((one) => /^(?:docker|vm)\.(?!containers)/.test(one));

test('what the stand-in has where the published schema is not at hand is a part of that schema', (context) => {
  const published = publishedSchema();
  if (published === undefined) return context.skip('needs the schema that the vendor publishes, in HLA_SCHEMAS');
  const [ours, theirs] = [buildSchema(SUBSET), buildSchema(published)];

  for (const type of Object.values(ours.getTypeMap()).filter(isObjectType)) {
    const there = theirs.getType(type.name);
    const fields = isObjectType(there) ? there.getFields() : {};
    for (const { name, type: shape } of Object.values(type.getFields()).filter(() => !type.name.startsWith('__'))) {
      expect([type.name, name, String(fields[name]?.type)]).toEqual([type.name, name, String(shape)]);
    }
  }
});

describe('guests', () => {
  test('are containers and virtual machines, listed together and found by name', async () => {
    await using bed = await openBed();

    expect(await bed.act('listGuests')).toMatchObject({
      guests: [
        { id: 'notes', type: 'container', state: 'running' },
        { id: 'haos', type: 'vm', state: 'running' },
      ],
    });
    expect(await bed.act('findGuest', { guest: 'haos' })).toMatchObject({ guest: { id: 'haos', type: 'vm' } });
    expect(await bed.act('findGuest', { guest: 'container:notes' })).toMatchObject({ guest: { id: 'notes' } });
  });

  test('of one name are told apart by their kind', async () => {
    const world = memoryWorld();
    world.vm.push({ id: UUID.replace('0', '1'), name: 'notes', state: 'SHUTOFF', status: '' });
    await using bed = await openBed(world);

    const { guests } = await bed.act('listGuests');

    expect(guests).toMatchObject([{ id: 'container:notes' }, { id: 'haos' }, { id: 'vm:notes' }]);
    expect(await bed.act('findGuest', { guest: 'vm:notes' })).toMatchObject({ guest: { state: 'stopped' } });
    await expect(bed.act('ensureState', STOP)).rejects.toMatchObject({
      code: 'HA_NOT_FOUND',
      next: 'write container:notes or vm:notes',
    });
  });

  test.each(['$(touch x)', '`id`', "x'; id; '", 'notes"}){evil', '987654321'])(
    'named %j is not there',
    async (guest) => {
      await using bed = await openBed();

      await expect(bed.act('ensureState', { ...STOP, guest })).rejects.toMatchObject({ code: 'HA_NOT_FOUND' });
      expect(mutations(bed)).toEqual([]);
    },
  );

  test.each([
    ['container', 'PAUSED', 'notes', 'docker.unpause'],
    ['vm', 'PAUSED', 'haos', 'vm.resume'],
    ['vm', 'SHUTOFF', 'haos', 'vm.start'],
  ] as const)('a %s that is %s runs again', async (type, state, guest, asked) => {
    const world = memoryWorld();
    Object.assign(world[type][0] ?? {}, { state });
    await using bed = await openBed(world);

    expect(await bed.act('ensureState', { guest, state: 'running' })).toEqual({ changed: true, forced: false });
    expect(mutations(bed)).toEqual([asked]);
  });

  test('a machine is switched off at once when it may be and is given no time', async () => {
    await using bed = await openBed();

    const done = await bed.act('ensureState', { ...STOP, guest: 'haos', graceMs: 0 });

    expect(done).toEqual({ changed: true, forced: true });
    expect(mutations(bed)).toEqual(['vm.forceStop']);
  });
});

describe('an answer', () => {
  test.each(['reply lost after the act', 'error after the act'] as const)(
    'that says nothing of a change that was made does not make it fail: %s',
    async (what) => {
      await using bed = await openBed();
      bed.fake.faults.push({ on: 'docker.stop', what });

      expect(await bed.act('ensureState', STOP)).toEqual({ changed: true, forced: false });
      expect(mutations(bed)).toEqual(['docker.stop']);
    },
  );

  test('that was lost before the change leaves an unknown outcome, and the next attempt makes it', async () => {
    await using bed = await openBed();
    bed.fake.faults.push({ on: 'docker.stop', what: 'request lost' });

    await expect(bed.act('ensureState', STOP)).rejects.toMatchObject({
      code: 'HA_REMOTE_UNREACHABLE',
      message: expect.stringContaining('whether docker.stop was done is not known'),
    });
    expect(await bed.act('ensureState', STOP)).toMatchObject({ changed: true });
  });

  test('with errors is a failure, though it comes with 200', async () => {
    await using bed = await openBed();
    bed.fake.faults.push({ on: 'docker.stop', what: 'error' });

    await expect(bed.act('ensureState', STOP)).rejects.toMatchObject({
      code: 'HA_REMOTE_REFUSED',
      message: expect.stringContaining('docker.stop: it would not'),
    });
  });

  test('that is lost while reading is asked for again', async () => {
    await using bed = await openBed();
    bed.fake.faults.push({ on: 'docker.containers', what: 'request lost' });

    expect(await bed.act('findGuest', { guest: 'notes' })).toMatchObject({ guest: { id: 'notes' } });
  });

  test('with a hole in it is used for what it tells', async () => {
    await using bed = await openBed();
    bed.fake.array = 'STOPPED';
    bed.fake.faults.push({ on: 'array.state', what: 'hole' });

    expect(await bed.act('inspect')).toMatchObject({ warnings: [expect.stringContaining('not started (STOPPED)')] });
  });
});

describe('the array', () => {
  test('that is stopped is named as what hides the guests, and is never started', async () => {
    const gone = async () => {
      throw new Error('VMs are not available');
    };
    await using bed = await openUnraidBed({ list: gone, act: gone });
    bed.fake.array = 'STOPPED';

    for (const [action, input] of [
      ['listGuests', {}],
      ['findGuest', { guest: 'notes' }],
      ['ensureState', { guest: 'notes', state: 'running' }],
      ['canSnapshot', { guest: 'notes' }],
    ] as const) {
      await expect(bed.act(action, input), action).rejects.toMatchObject({
        code: 'HA_REMOTE_REFUSED',
        message: expect.stringContaining('the array is not started (STOPPED)'),
      });
    }
    expect(await bed.act('inspect')).toMatchObject({
      warnings: expect.arrayContaining([expect.stringContaining('STOPPED')]),
    });
    expect(mutations(bed)).toEqual([]);
  });

  test('with a disk that is out or has errors is warned of', async () => {
    await using bed = await openBed();
    bed.fake.disks = [
      { name: 'disk1', status: 'DISK_OK', numErrors: 3 },
      { name: 'disk2', status: 'DISK_DSBL', numErrors: 0 },
      { name: 'disk3', status: 'DISK_NP', numErrors: 0 },
    ];

    expect(await bed.act('inspect')).toMatchObject({
      warnings: ['disk disk1 has 3 errors', 'disk disk2 is DISK_DSBL'],
    });
  });
});
