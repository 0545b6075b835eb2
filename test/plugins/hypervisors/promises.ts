/** What holds for every hypervisor, whatever runs its guests. */
import { expect, type TestContext, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';

/** A platform with one guest that runs, and whose content can be seen and changed. */
export interface GuestBed extends AsyncDisposable {
  /** Performs an action of the plugin, as a step would. */
  act(action: string, input?: JsonObject): Promise<JsonObject>;
  /** As users write it under `guest.id`. */
  guest: string;
  /** Changes what is on the disk of the guest. */
  write(text: string): Promise<void>;
  /** What is on the disk of the guest. */
  read(): Promise<string>;
  /** Makes a snapshot of this name by other means than ours. */
  foreignSnapshot(label: string): Promise<void>;
}

export type OpenBed = (context: Pick<TestContext, 'skip'>) => Promise<GuestBed>;

const LABEL = 'autopilot-b7k2';

/** Names that a command could take for an option, a path or a second line. */
const BAD_NAMES = ['--all', '-oProxyCommand=touch x', '../etc', 'a/b', 'a\\b', 'a\nb', 'a\u0000b', '', ' a', '.', '..'];

/** What would stop the guest, or hide that there is none, where a shell or a tool's own language read it. */
const wordsOfShells = (guest: string) => [
  `x; destroy ${guest}`,
  `x && virsh destroy ${guest}`,
  `x | docker stop ${guest}`,
  `$(docker stop ${guest})`,
  `\`virsh destroy ${guest}\``,
  `"x" ${guest}`,
  `'${guest}`,
  `${guest}?`,
  `${guest}*`,
  `${guest}%20`,
  `${guest}#`,
];

export function keepsGuests(open: OpenBed): void {
  test('the platform answers, and its guest is listed and found under the same id', async (context) => {
    await using bed = await open(context);

    const told = await bed.act('inspect');
    const { guests } = await bed.act('listGuests');
    const { guest } = await bed.act('findGuest', { guest: bed.guest });

    expect(told['version']).toMatch(/\d/);
    expect(guests).toContainEqual(guest);
    expect(guest).toMatchObject({ id: bed.guest, state: 'running', lock: null });
    expect(await bed.act('resources')).toMatchObject({ storages: expect.any(Array), memory: expect.any(Object) });
  });

  test('a guest is stopped and started, and what is so already is left alone', async (context) => {
    await using bed = await open(context);
    const ensure = (state: string) => bed.act('ensureState', { guest: bed.guest, state, graceMs: 60_000, force: true });

    expect(await ensure('running')).toMatchObject({ changed: false });
    expect(await ensure('stopped')).toMatchObject({ changed: true });
    expect(await bed.act('findGuest', { guest: bed.guest })).toMatchObject({ guest: { state: 'stopped' } });
    expect(await ensure('stopped')).toMatchObject({ changed: false });
    expect(await ensure('running')).toMatchObject({ changed: true });
    expect(await bed.act('findGuest', { guest: bed.guest })).toMatchObject({ guest: { state: 'running' } });
  });

  test('a guest that is not there is named, whatever is asked of it', async (context) => {
    await using bed = await open(context);
    const snapshot = { label: LABEL, run: 'r1' };

    for (const [action, input] of [
      ['findGuest', {}],
      ['canSnapshot', {}],
      ['ensureState', { state: 'stopped' }],
      ['listSnapshots', {}],
      ['snapshot', snapshot],
      ['restoreSnapshot', snapshot],
    ] as const) {
      const asked = bed.act(action, { guest: '987654321', ...input });
      await expect(asked, action).rejects.toMatchObject({
        code: 'HA_NOT_FOUND',
        message: expect.stringContaining('987654321'),
      });
    }
  });

  test('a name with the signs of a shell is a name like any other: there is no such guest, and nothing else happens', async (context) => {
    await using bed = await open(context);

    for (const name of wordsOfShells(bed.guest)) {
      await expect(bed.act('findGuest', { guest: name }), name).rejects.toMatchObject({ code: 'HA_NOT_FOUND' });
      await expect(bed.act('ensureState', { guest: name, state: 'stopped' }), name).rejects.toMatchObject({
        code: 'HA_NOT_FOUND',
      });
    }
    expect(await bed.act('findGuest', { guest: bed.guest })).toMatchObject({ guest: { state: 'running' } });
  });

  test('a name that looks like an option, a path or two lines is refused before anything is asked', async (context) => {
    await using bed = await open(context);

    for (const name of BAD_NAMES) {
      await expect(bed.act('findGuest', { guest: name }), name).rejects.toMatchObject({ code: 'HA_PLUGIN_INVALID' });
      const label = { guest: bed.guest, label: name, run: 'r1' };
      await expect(bed.act('snapshot', label), name).rejects.toMatchObject({ code: 'HA_PLUGIN_INVALID' });
    }
    expect(await bed.act('listSnapshots', { guest: bed.guest })).toEqual({ snapshots: [] });
  });
}

export function keepsSnapshots(open: OpenBed): void {
  test('a guest comes back from its snapshot with what was on its disk, and the snapshot is removed once', async (context) => {
    await using bed = await open(context);
    const at = { guest: bed.guest, label: LABEL, run: 'r1' };
    await bed.write('before');

    expect(await bed.act('canSnapshot', { guest: bed.guest })).toMatchObject({ possible: true });
    const first = await bed.act('snapshot', at);
    await bed.write('after');
    const second = await bed.act('snapshot', at);
    await bed.act('restoreSnapshot', at);

    expect(first['snapshot']).toMatchObject({ label: LABEL, run: 'r1', complete: true });
    expect(second['snapshot']).toEqual(first['snapshot']);
    expect(await bed.read()).toBe('before');
    expect(await bed.act('findGuest', { guest: bed.guest })).toMatchObject({ guest: { state: 'running' } });
    // Twice: a worker that died right after the act does it again.
    await bed.write('later');
    await bed.act('restoreSnapshot', at);
    expect(await bed.read()).toBe('before');
    expect(await bed.act('listSnapshots', { guest: bed.guest })).toMatchObject({ snapshots: [first['snapshot']] });

    expect(await bed.act('deleteSnapshot', at)).toEqual({ removed: true });
    expect(await bed.act('deleteSnapshot', at)).toEqual({ removed: false });
    expect(await bed.act('listSnapshots', { guest: bed.guest })).toEqual({ snapshots: [] });
    expect(await bed.read()).toBe('before');
    await expect(bed.act('restoreSnapshot', at)).rejects.toMatchObject({ code: 'HA_NOT_FOUND' });
  });

  test('a snapshot of that name that somebody else made is neither adopted, nor gone back to, nor removed', async (context) => {
    await using bed = await open(context);
    const at = { guest: bed.guest, label: LABEL, run: 'r1' };
    await bed.foreignSnapshot(LABEL);
    await bed.write('after');

    await expect(bed.act('snapshot', at)).rejects.toMatchObject({ code: 'HA_CONFLICT' });
    await expect(bed.act('restoreSnapshot', at)).rejects.toMatchObject({ code: 'HA_CONFLICT' });
    expect(await bed.act('deleteSnapshot', at)).toEqual({ removed: false });

    expect(await bed.read()).toBe('after');
    expect(await bed.act('listSnapshots', { guest: bed.guest })).toMatchObject({
      snapshots: [{ label: LABEL, run: null }],
    });
  });
}
