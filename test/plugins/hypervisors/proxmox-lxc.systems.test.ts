/** Proxmox VE over real LXC containers on btrfs: what was in a container comes back from its snapshot, and from its backup. */
import { beforeEach, describe, expect, type TestContext, test } from 'vitest';
import { keepsGuests, keepsSnapshots } from '#test/plugins/hypervisors/promises.ts';
import { openBedOn } from '#test/plugins/hypervisors/proxmox-bed.ts';
import { needsLxc, openContainers } from '#test/support/lxc.ts';
import { mountTmpfs } from '#test/support/mounts.ts';

const CT = 101;
const AT = { guest: `${CT}`, label: 'autopilot-b7k2', run: 'r1' };

beforeEach(needsLxc);

const openBed = (context: Pick<TestContext, 'skip'>) => openBedOn((directory) => openContainers(context, directory));

keepsGuests(openBed);
keepsSnapshots(openBed);

describe('a container', () => {
  test('has every file of before after the restore: what was changed, what was removed, and nothing that was added', async (context) => {
    await using bed = await openBed(context);
    const inside = (...words: string[]) => bed.backend.inside(CT, ...words);
    const facts = () => inside('sh', '-c', 'cd /srv && for f in *; do stat -c "%n %a %u:%g" $f && cat $f; done');
    await inside('sh', '-c', 'mkdir -p /srv && cd /srv && echo one > changed && echo two > removed');
    await inside('sh', '-c', 'chown 1000:1001 /srv/removed && chmod 640 /srv/removed');
    const before = await facts();

    await bed.act('snapshot', AT);
    await inside('sh', '-c', 'cd /srv && echo bad > changed && chmod 777 changed && rm removed && echo new > added');
    await bed.act('restoreSnapshot', AT);

    expect(before).toContain('removed 640 1000:1001\ntwo');
    expect(await facts()).toBe(before);
  });

  test('goes on while it is snapshotted and backed up, and begins anew when it goes back', async (context) => {
    await using bed = await openBed(context);
    await bed.write('before');
    const first = await bed.backend.processOf(CT);

    await bed.act('snapshot', AT);
    await bed.act('backup', { guest: AT.guest, run: 'r1' });
    const second = await bed.backend.processOf(CT);
    await bed.act('restoreSnapshot', AT);

    expect(first).toBeGreaterThan(1);
    expect(second).toBe(first);
    expect(await bed.backend.processOf(CT)).not.toBe(first);
  });

  test('that was off is off after it went back, with the files of before', async (context) => {
    await using bed = await openBed(context);
    await bed.write('before');
    await bed.act('snapshot', AT);
    await bed.write('after');
    await bed.act('ensureState', { guest: AT.guest, state: 'stopped', graceMs: 20_000 });

    await bed.act('restoreSnapshot', { ...AT, state: 'asBefore' });
    const running = await bed.backend.isRunning(CT);
    await bed.act('ensureState', { guest: AT.guest, state: 'running' });

    expect(running).toBe(false);
    expect(await bed.read()).toBe('before');
  });

  test('stops by itself when it is told to; one that does not hear is switched off when it may be', async (context) => {
    await using bed = await openBed(context);
    const stop = { guest: AT.guest, state: 'stopped' };

    expect(await bed.act('ensureState', { ...stop, graceMs: 20_000 })).toEqual({ changed: true, forced: false });
    await bed.backend.start(CT);
    await bed.backend.deafen(CT);
    const asked = bed.act('ensureState', { ...stop, graceMs: 1_000 });
    await expect(asked).rejects.toMatchObject({ code: 'HA_CHECK_FAILED' });
    expect(await bed.backend.isRunning(CT)).toBe(true);
    expect(await bed.act('ensureState', { ...stop, graceMs: 1_000, force: true })).toEqual({
      changed: true,
      forced: true,
    });
    expect(await bed.backend.isRunning(CT)).toBe(false);
  });

  test('is brought back once when the answer to the rollback is lost, and the rollback is followed to its end', async (context) => {
    await using bed = await openBed(context);
    await bed.write('before');
    await bed.act('snapshot', AT);
    await bed.write('after');
    bed.fake.cluster.faults.push({ on: /rollback$/, what: 'reply lost after the act' });

    await bed.act('restoreSnapshot', AT);

    expect(await bed.read()).toBe('before');
    expect(bed.fake.asked.filter((one) => one.endsWith('/rollback'))).toHaveLength(1);
  });
});

describe('a backup of the platform', () => {
  test('brings a container back whose disk was destroyed, and it runs', async (context) => {
    await using bed = await openBed(context);
    await bed.write('precious');
    const made = await bed.act('backup', { guest: AT.guest, run: 'r1' });
    const { id } = made['backup'] as { id: string };
    await bed.backend.loseDisk(CT);
    const start = { guest: AT.guest, state: 'running' };

    await expect(bed.act('ensureState', start)).rejects.toMatchObject({ code: 'HA_REMOTE_REFUSED' });
    await bed.act('restoreBackup', { guest: AT.guest, backup: id, state: 'running' });

    expect(await bed.act('findGuest', { guest: AT.guest })).toMatchObject({ guest: { state: 'running' } });
    expect(await bed.read()).toBe('precious');
  });

  test('is tried out as a copy that runs beside the container, on no network, and goes', async (context) => {
    const files = { '/etc/init.d/rcS': '#!/bin/sh\n' };
    await using bed = await openBedOn((directory) => openContainers(context, directory, { network: true, files }));
    await bed.write('precious');
    const { id } = await bed.act('backup', { guest: AT.guest, run: 'r1' });
    await bed.write('later');
    const copy = { guest: AT.guest, spare: '9101', trial: 't1' };
    const links = async (vmid: number) => (await bed.backend.inside(vmid, 'ls', '/sys/class/net')).split(/\s+/);

    const limits = { maxBytes: 2 ** 30, startMs: 5_000, stableMs: 1_000 };
    await bed.act('tryBackup', { ...copy, backup: id ?? '', ...limits });

    expect(await bed.backend.read(9101)).toBe('precious');
    expect(await links(9101)).toEqual(['lo']);
    expect((await links(CT)).length).toBeGreaterThan(1);
    expect(await bed.read()).toBe('later');
    expect(await bed.act('endTry', copy)).toEqual({ removed: true });
    expect(await bed.backend.exists(9101)).toBe(false);
    expect(await bed.backend.isRunning(CT)).toBe(true);
  });

  test('for which the storage has no room is HA_NO_SPACE, and none is listed, and the container goes on', async (context) => {
    await using bed = await openBed(context);
    await using _small = await mountTmpfs(context, `${bed.dir}/vault`, '64k');
    await bed.write('precious');

    const asked = bed.act('backup', { guest: AT.guest, run: 'r1' });

    await expect(asked).rejects.toMatchObject({ code: 'HA_NO_SPACE', next: expect.stringContaining('room') });
    expect(await bed.act('listBackups')).toEqual({ backups: [] });
    expect(await bed.read()).toBe('precious');
  });
});
