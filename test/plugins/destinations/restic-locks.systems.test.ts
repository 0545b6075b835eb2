/** Whoever works on a repository of restic holds up no more than he must, and a lock of the dead holds up nobody. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { destination } from '#sdk/kinds/destination.ts';
import { SERVICE } from '#test/archive/bed.ts';
import { SET, stageSet } from '#test/plugins/destinations/promises.ts';
import { openLocal, openRest, type ResticPlace } from '#test/plugins/destinations/restic-places.ts';
import { eventually } from '#test/support/wait.ts';

const AT = { ...SET, destination: 'nas' };

/** Somebody who makes a backup that does not end, and so has the repository together with others. */
async function otherAtWork(place: ResticPlace) {
  const other = spawn('restic', ['backup', '--stdin'], { stdio: ['pipe', 'ignore', 'ignore'], env: place.environment });
  await eventually('the other has the lock', async () => (await locksOf(place)).length === 1);
  return {
    async kill() {
      other.kill('SIGKILL');
      await once(other, 'exit');
    },
    async finish() {
      other.stdin?.end('all of it');
      await once(other, 'exit');
    },
  };
}

async function locksOf({ root }: ResticPlace): Promise<string[]> {
  // One that is only being written has a longer name, and is none.
  return (await readdir(join(root, 'locks'))).filter((name) => /^[0-9a-f]{64}$/.test(name));
}

test('who copies for hours holds up neither copies nor notes; what is removed meanwhile is freed later', async (context) => {
  await using place = await openLocal(context, { patience: '1ms' });
  const { bed } = place;
  const { directory } = await stageSet(bed);
  const two = { service: SERVICE, set: 'set-two' };
  const second = await stageSet(bed, 'set-two', 1000);
  const other = await otherAtWork(place);

  await bed.destination('nas', 'store', { ...SET, directory });
  await bed.destination('nas', 'store', { ...two, directory: second.directory });
  await bed.archive('verifyCopy', AT);
  await bed.destination('nas', 'annotate', { ...SET, pinned: true });
  const removed = await bed.destination('nas', 'remove', two);
  const again = await bed.destination('nas', 'remove', two);
  const listed = await bed.destination('nas', 'list', {});
  const checked = await bed.destination('nas', 'check', {});
  await other.finish();
  await bed.destination('nas', 'remove', SET);

  expect([removed, again]).toEqual([{ removed: true }, { removed: false }]);
  expect(listed).toMatchObject({ sets: [{ id: 'set-one', pinned: true }] });
  expect(listed['sets']).toHaveLength(1);
  expect(checked['detail']).toContain('sets that were removed and still take room: 1');
  // Nothing is left but what the other has made.
  expect(await place.snapshots()).toHaveLength(1);
  expect(await place.parts()).toEqual([]);
});

test('who has the repository for himself is waited for, and the lock of who was killed is none', async (context) => {
  await using place = await openLocal(context);
  const { bed, config } = place;
  const { directory } = await stageSet(bed);
  await bed.destination('nas', 'store', { ...SET, directory });
  bed.addDestination('hurried', { ...config, patience: '1ms' }, 'restic');
  const pruner = await hold(place);

  const hurried = bed.destination('hurried', 'annotate', { ...SET, pinned: true });
  await expect(hurried).rejects.toMatchObject({
    code: 'HA_REMOTE_UNREACHABLE',
    next: expect.stringContaining('unlock'),
  });
  await expect(hurried).rejects.toThrow(/already locked exclusively by PID \d+/);
  const checked = await bed.destination('nas', 'check', {});
  const listed = await bed.destination('nas', 'list', {});
  const opened = destination.actions.open.output.parse(await bed.destination('nas', 'open', SET));
  const patient = bed.destination('nas', 'annotate', { ...SET, pinned: true });
  await eventually('it waits', () => bed.stage.lines.some(({ message }) => /waited for/.test(message)));
  await pruner.kill();
  await patient;

  expect(checked['detail']).toContain('already locked exclusively by PID');
  expect(listed['sets']).toMatchObject([{ id: 'set-one' }]);
  expect((await readdir(opened.directory)).length).toBe(4);
  expect((await bed.destination('nas', 'list', {}))['sets']).toMatchObject([{ pinned: true }]);
  expect(await locksOf(place)).toEqual([]);
});

/** Somebody who has it for himself, and is stopped in the middle. */
async function hold(place: ResticPlace) {
  for (let attempt = 0; attempt < 50; attempt++) {
    const other = spawn('restic', ['check', '--read-data'], { stdio: 'ignore', env: place.environment });
    const ended = once(other, 'exit');
    const isLocked = await eventually('it has the lock, or has ended', async () =>
      (await locksOf(place)).length > 0 ? 'locked' : other.exitCode !== null && 'ended',
    );
    other.kill('SIGSTOP');
    if (isLocked === 'locked' && (await locksOf(place)).length > 0) {
      return {
        async kill() {
          other.kill('SIGKILL');
          await ended;
        },
      };
    }
    other.kill('SIGKILL');
    await ended;
  }
  throw new Error('nobody could be stopped while he had the lock');
}

test('a server that lets nothing be removed is used with notes alone', async (context) => {
  await using place = await openRest(context, ['--append-only']);
  const { bed, config } = place;
  const { directory } = await stageSet(bed);
  bed.addDestination('nas', { ...config, on_remove: 'hide' }, 'restic');

  await bed.destination('nas', 'store', { ...SET, directory });
  await bed.archive('verifyCopy', AT);
  const listed = await bed.destination('nas', 'list', {});
  const removed = await bed.destination('nas', 'remove', SET);
  const after = await bed.destination('nas', 'list', {});
  await bed.destination('nas', 'store', { ...SET, directory });

  expect(listed['sets']).toMatchObject([{ id: 'set-one', verifiedAt: expect.any(String) }]);
  expect(removed).toEqual({ removed: true });
  expect(after['sets']).toEqual([]);
  expect((await bed.destination('nas', 'list', {}))['sets']).toMatchObject([{ id: 'set-one', verifiedAt: null }]);
});

test('a copy that is cancelled ends at once, is no set, and holds nobody up', async (context) => {
  await using place = await openLocal(context, { bandwidth_limit: '1M' });
  const { bed, config } = place;
  const { directory } = await stageSet(bed, 'set-one', 20 << 20);
  const cancel = new AbortController();

  const attempt = bed.destination('nas', 'store', { ...SET, directory }, cancel.signal);
  await eventually('restic copies', async () => (await locksOf(place)).length > 0);
  const cancelled = performance.now();
  cancel.abort(new Error('cancelled by the test'));
  await expect(attempt).rejects.toMatchObject({ code: 'HA_CANCELLED' });
  const took = performance.now() - cancelled;
  const listed = await bed.destination('nas', 'list', {});
  bed.addDestination('nas', { ...config, patience: '1ms' }, 'restic');
  await bed.destination('nas', 'store', { ...SET, directory });
  // Its lock is still there; it belongs to nobody who lives.
  await bed.destination('nas', 'remove', SET);

  expect(took).toBeLessThan(5000);
  expect(listed).toEqual({ sets: [], unreadable: [] });
  expect(await place.snapshots()).toEqual([]);
  expect(await locksOf(place)).toEqual([]);
});
