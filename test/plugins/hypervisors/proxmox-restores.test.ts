/** A guest from a backup of Proxmox VE: whole again on the storages that it had, also when it is gone; else nothing is touched. */
import { describe, expect, test } from 'vitest';
import { openBedWithBackup } from '#test/plugins/hypervisors/proxmox-bed.ts';

describe('a container', () => {
  test('has each of its disks on the storage that it was on, with what was set for it', async () => {
    const { bed, guest, backup } = await openBedWithBackup('lxc', {
      mp0: 'tank:vm-101-disk-1,mp=/media,backup=1,size=512M',
    });
    await using _bed = bed;

    await bed.act('restoreBackup', { guest: '101', backup });

    expect(await bed.read()).toBe('before');
    expect(guest.config).toMatchObject({
      rootfs: 'local-lvm:vm-101-rootfs,size=8M',
      mp0: 'tank:vm-101-mp0,mp=/media,backup=1,size=512M',
      hostname: 'notes',
      onboot: '1',
    });
  });

  test.each([
    ['mp0', 'tank:vm-101-disk-1,mp=/media,size=1G', 'mp0 (on tank) is left out of backups, and would be erased'],
    ['unused0', 'tank:vm-101-disk-2', 'unused0 is a disk that is not in use, and would be erased'],
    ['mp0', '/tank/media,mp=/media', 'mp0 is /tank/media of the node itself, which only root@pam may bring back'],
    ['lxc.idmap', 'u 0 100000 1000', 'it has raw settings (lxc.idmap), which only root@pam may bring back'],
  ])('with %s: %s is not restored, and goes on as it is', async (key, value, reason) => {
    const { bed, backup, made } = await openBedWithBackup('lxc', { [key]: value });
    await using _bed = bed;

    const look = await bed.act('canRestoreBackup', { guest: '101', backup });
    const asked = bed.act('restoreBackup', { guest: '101', backup });

    await expect(asked).rejects.toMatchObject({
      code: 'HA_REMOTE_REFUSED',
      message: expect.stringContaining(reason),
      next: expect.stringContaining('root@pam'),
    });
    expect(look).toMatchObject({ possible: false, summary: expect.stringContaining(reason) });
    expect(made()).toBe(0);
    expect(await bed.act('findGuest', { guest: '101' })).toMatchObject({ guest: { state: 'running' } });
    expect(await bed.read()).toBe('after');
  });
});

describe('a virtual machine', () => {
  test('comes back with what the archive holds of it', async () => {
    const { bed, guest, backup } = await openBedWithBackup('qemu');
    await using _bed = bed;

    expect(await bed.act('canRestoreBackup', { guest: '101', backup })).toMatchObject({ possible: true });
    await bed.act('restoreBackup', { guest: '101', backup });

    expect(await bed.read()).toBe('before');
    expect(guest.config['scsi0']).toBe('local-lvm:vm-101-disk-0,iothread=1,size=8M');
  });

  test.each([
    ['scsi1', 'tank:vm-101-disk-1,backup=0,size=1G', 'scsi1 (on tank) is left out of backups, and would be detached'],
    ['scsi1', '/dev/disk/by-id/ata-x,size=1G', 'scsi1 is /dev/disk/by-id/ata-x of the node itself'],
    ['hostpci0', '0000:01:00,pcie=1', 'hostpci0 is a device of the node, which only root@pam may bring back'],
  ])('with %s: %s is not restored, and goes on as it is', async (key, value, reason) => {
    const { bed, backup, made } = await openBedWithBackup('qemu', { [key]: value });
    await using _bed = bed;

    expect(await bed.act('canRestoreBackup', { guest: '101', backup })).toMatchObject({
      possible: false,
      summary: expect.stringContaining(reason),
    });
    await expect(bed.act('restoreBackup', { guest: '101', backup })).rejects.toMatchObject({
      message: expect.stringContaining(reason),
    });
    expect(made()).toBe(0);
    expect(await bed.read()).toBe('after');
  });
});

test.each(['lxc', 'qemu'] as const)(
  'a guest (%s) that is gone is made anew, on a node that sees the backup',
  async (type) => {
    const { bed, guest, backup } = await openBedWithBackup(type);
    await using _bed = bed;
    await bed.backend.stop(101);
    await bed.backend.remove(101);
    bed.fake.cluster.guests.splice(0);

    const look = await bed.act('canRestoreBackup', { guest: '101', backup });
    bed.fake.cluster.faults.push({ on: new RegExp(`POST /nodes/pve1/${type}$`), what: 'reply lost after the act' });
    await bed.act('restoreBackup', { guest: '101', backup, state: 'running' });

    expect(look).toMatchObject({ possible: true, summary: 'the guest 101 is gone, and is made anew on pve1' });
    expect(await bed.act('findGuest', { guest: '101' })).toMatchObject({ guest: { state: 'running', name: 'notes' } });
    expect(bed.fake.cluster.guests[0]).toMatchObject({
      type,
      node: 'pve1',
      config: { onboot: guest.config['onboot'] },
    });
    expect(await bed.read()).toBe('before');
  },
);

test('one that the token may not see is not taken for one that is gone', async () => {
  const { bed, backup } = await openBedWithBackup();
  await using _bed = bed;
  bed.fake.rights.set('/', ['VM.Allocate', 'VM.Config.Disk', 'VM.Backup', 'Datastore.AllocateSpace', 'SDN.Use']);
  bed.fake.rights.set('/storage', ['Datastore.Audit']);

  const asked = bed.act('restoreBackup', { guest: '101', backup });

  await expect(asked).rejects.toMatchObject({ message: expect.stringContaining('already exists') });
  expect(await bed.read()).toBe('after');
});

test.each([
  ['VM.Config.Disk', '/vms/101'],
  ['VM.Backup', '/vms/101'],
  ['Datastore.AllocateSpace', '/storage/local-lvm'],
  ['SDN.Use', '/sdn/zones/localnetwork/vmbr0'],
])('that %s on %s is missing is told by the look, before the guest is stopped', async (right, path) => {
  const { bed, backup } = await openBedWithBackup();
  await using _bed = bed;
  const all = bed.fake.rights.get('/') ?? [];
  bed.fake.rights.set(
    '/',
    all.filter((one) => one !== right),
  );
  for (const other of ['/storage/vault', '/storage/local-lvm', '/vms/101'].filter((one) => one !== path))
    bed.fake.rights.set(other, [right]);

  expect(await bed.act('canRestoreBackup', { guest: '101', backup })).toMatchObject({
    possible: false,
    summary: expect.stringContaining(`the right ${right} on ${path} is missing`),
  });
});

test('a restore that Proxmox VE refuses leaves the guest running, as it was', async () => {
  const { bed, backup } = await openBedWithBackup();
  await using _bed = bed;
  const all = bed.fake.rights.get('/') ?? [];
  bed.fake.rights.set(
    '/',
    all.filter((one) => one !== 'SDN.Use'),
  );

  await expect(bed.act('restoreBackup', { guest: '101', backup })).rejects.toMatchObject({
    code: 'HA_REMOTE_REFUSED',
    message: expect.stringContaining('SDN.Use'),
  });

  expect(await bed.act('findGuest', { guest: '101' })).toMatchObject({ guest: { state: 'running' } });
  expect(await bed.read()).toBe('after');
});
