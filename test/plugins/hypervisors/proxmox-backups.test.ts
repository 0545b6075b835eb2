/** Backups that Proxmox VE makes and keeps: made once, found, kept by number, restored; those of others are left alone. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openBed } from '#test/plugins/hypervisors/proxmox-bed.ts';

test('a backup is made once, listed, restored and removed, and one of others is left alone', async () => {
  await using bed = await openBed();
  await bed.write('before');
  bed.fake.cluster.faults.push({ on: /vzdump$/, what: 'reply lost after the act' });

  const first = await bed.act('backup', { guest: '101', run: 'r1' });
  expect(await bed.act('backup', { guest: '101', run: 'r1' })).toEqual(first);
  const { id } = first['backup'] as { id: string };
  await bed.write('after');
  await bed.act('restoreBackup', { guest: '101', backup: id });

  expect(await bed.read()).toBe('before');
  expect(await bed.act('listBackups')).toEqual({ backups: [first['backup']] });
  expect(await bed.act('findGuest', { guest: '101' })).toMatchObject({ guest: { state: 'running' } });
  expect(await bed.act('deleteBackup', { backup: id, run: 'r2' })).toEqual({ removed: false });
  expect(await bed.act('deleteBackup', { backup: id, run: 'r1' })).toEqual({ removed: true });
  await expect(bed.act('restoreBackup', { guest: '101', backup: id })).rejects.toMatchObject({ code: 'HA_NOT_FOUND' });
  await expect(bed.act('deleteBackup', { backup: 'vault:backup/../x', run: 'r1' })).rejects.toMatchObject({
    code: 'HA_USAGE',
  });
});

describe('backups of ours', () => {
  async function withBackups(count: number) {
    const bed = await openBed();
    const made: string[] = [];
    for (let n = 1; n <= count; n += 1) {
      const { id } = await bed.act('backup', { guest: '101', run: `r${n}` });
      made.push(z.string().parse(id));
    }
    const archive = (n: number) => bed.fake.cluster.archives[n - 1] ?? expect.unreachable('it was made');
    return { bed, made, archive };
  }
  const kept = (bed: Awaited<ReturnType<typeof openBed>>) => bed.fake.cluster.archives.map(({ volid }) => volid);

  test('are kept by number; what others made, what is protected and other guests stay', async () => {
    const { bed, made, archive } = await withBackups(5);
    await using _bed = bed;
    archive(1).notes = 'before the big move';
    archive(2).protected = 1;

    const first = await bed.act('retainBackups', { guest: '101', keep: 2 });

    expect(first).toEqual({ removed: [made[2]], summary: '3 kept, 1 removed' });
    expect(await bed.act('retainBackups', { guest: '101', keep: 2 })).toEqual({
      removed: [],
      summary: '3 kept, 0 removed',
    });
    expect(kept(bed)).toEqual([made[0], made[1], made[3], made[4]]);
  });

  test('that were found damaged are none to keep in place of whole ones', async () => {
    const { bed, made, archive } = await withBackups(3);
    await using _bed = bed;
    archive(2).verification = { state: 'failed', upid: 'UPID:x' };
    archive(3).verification = { state: 'failed', upid: 'UPID:x' };

    await bed.act('retainBackups', { guest: '101', keep: 1 });

    expect(kept(bed)).toContain(made[0]);
    expect(await bed.act('findBackup', { guest: '101' })).toMatchObject({ id: made[0] });
    expect(await bed.act('findBackup', { guest: '101', backup: made[2] ?? '' })).toMatchObject({
      summary: `${made[2]}, damaged`,
    });
  });

  test('are found: the newest, or that of a name; of another name it is told which there are', async () => {
    const { bed, made } = await withBackups(2);
    await using _bed = bed;

    expect(await bed.act('findBackup', { guest: '101' })).toMatchObject({
      id: made[1],
      summary: `${made[1]}, not checked by the platform`,
    });
    expect(await bed.act('findBackup', { guest: '101', backup: made[0] ?? '' })).toMatchObject({ id: made[0] });
    await expect(bed.act('findBackup', { guest: '101', backup: 'vault:backup/none' })).rejects.toMatchObject({
      code: 'HA_NOT_FOUND',
      next: `there are: ${made[1]}, ${made[0]}`,
    });
  });
});

test('an "OK" without a backup is never taken for one, and a guest that moved is backed up where it is', async () => {
  await using bed = await openBed();

  bed.fake.cluster.faults.push({ on: /vzdump$/, what: 'OK without a task' });
  await expect(bed.act('backup', { guest: '101', run: 'r1' })).rejects.toMatchObject({ code: 'HA_REMOTE_REFUSED' });
  bed.fake.cluster.faults.push({ on: /vzdump$/, what: 'moved before the act' });
  expect(await bed.act('backup', { guest: '101', run: 'r1' })).toMatchObject({ backup: { run: 'r1' } });
  expect(bed.fake.asked).toContain('POST /nodes/pve2/vzdump');
});
