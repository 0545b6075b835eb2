/** A backup is tried out as a copy that has no network, disturbs nobody, and is removed by the trial that made it. */
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { openBedWithBackup } from '#test/plugins/hypervisors/proxmox-bed.ts';

const COPY = { guest: '101', spare: '9101', trial: 't1' };

async function withBackup(type: 'lxc' | 'qemu' = 'lxc', config: Record<string, string> = {}) {
  const opened = await openBedWithBackup(type, config);
  const { bed, backup } = opened;
  const tried = (more: JsonObject = {}) =>
    bed.act('tryBackup', { ...COPY, backup, maxBytes: 2 ** 30, startMs: 2_000, stableMs: 50, ...more });
  const { cluster } = bed.fake;
  const copy = () => cluster.guests.find(({ vmid }) => vmid === 9101);
  return { ...opened, cluster, tried, copy };
}

describe.each(['lxc', 'qemu'] as const)('of a guest (%s)', (type) => {
  test('the copy holds the backup, has no network and does not start with its node; the guest goes on', async () => {
    const { bed, guest, tried, copy } = await withBackup(type);
    await using _bed = bed;

    const proof = await tried();

    expect(await bed.backend.read(9101)).toBe('before');
    expect(await bed.backend.isRunning(9101)).toBe(true);
    expect(Object.keys(copy()?.config ?? {})).not.toContain('net0');
    expect(copy()?.config).toMatchObject({ onboot: '0', description: 'homelab-autopilot trial=t1 of=101' });
    expect(proof).toMatchObject({ answered: false, leftOut: [], createdAt: expect.stringMatching(/^20/) });
    expect(await bed.read()).toBe('after');
    expect(await bed.act('findGuest', { guest: '101' })).toMatchObject({ guest: { state: 'running' } });
    expect(Object.keys(guest.config)).toContain('net0');

    expect(await bed.act('endTry', COPY)).toEqual({ removed: true });
    expect(await bed.act('endTry', COPY)).toEqual({ removed: false });
    expect(copy()).toBeUndefined();
    expect(await bed.read()).toBe('after');
  });

  test.each(['reply lost after the act', '596 after the act', 'unexpected status after the act'] as const)(
    'a making with "%s" is done or undone when it is tried again, never there twice',
    async (what) => {
      const { bed, cluster, tried, copy } = await withBackup(type);
      await using _bed = bed;
      cluster.faults.push({ on: new RegExp(`^POST /nodes/pve1/${type}$`), what });

      await tried().catch(() => tried());

      expect(await bed.backend.isRunning(9101)).toBe(true);
      expect(await bed.act('endTry', COPY)).toEqual({ removed: true });
      expect(copy()).toBeUndefined();
    },
  );

  test('what an execution left that was cut short is removed, and all is measured anew', async () => {
    const { bed, tried, made } = await withBackup(type);
    await using _bed = bed;
    await tried();
    await bed.backend.write(9101, 'spoiled');

    await tried();

    expect(made()).toBe(2);
    expect(await bed.backend.read(9101)).toBe('before');
  });

  test('a copy that the node lost power over is told with what to do, and nothing is removed', async () => {
    const { bed, cluster, tried, copy } = await withBackup(type);
    await using _bed = bed;
    cluster.faults.push({ on: new RegExp(`^POST /nodes/pve1/${type}$`), what: 'cut short' });
    await expect(tried()).rejects.toMatchObject({ code: 'HA_REMOTE_UNREACHABLE' });
    Object.assign(copy() ?? {}, { lock: 'create' });

    const ended = bed.act('endTry', COPY);

    await expect(ended).rejects.toMatchObject({
      code: 'HA_REMOTE_REFUSED',
      message: expect.stringContaining('locked (create)'),
      next: expect.stringContaining(`${type === 'lxc' ? 'pct' : 'qm'} unlock 9101`),
    });
    expect(copy()).toBeDefined();
  });

  test('when the storage runs full nothing is left of the copy', async () => {
    const { bed, cluster, tried, copy } = await withBackup(type);
    await using _bed = bed;
    cluster.faults.push({ on: new RegExp(`^POST /nodes/pve1/${type}$`), what: 'storage full' });

    await expect(tried()).rejects.toMatchObject({ code: 'HA_NO_SPACE' });
    await bed.act('endTry', COPY);

    expect(copy()).toBeUndefined();
    expect(await bed.read()).toBe('after');
  });
});

describe('of a machine', () => {
  test('whose agent answers, the agent of the copy must answer too', async () => {
    const { bed, guest, cluster, tried } = await withBackup('qemu');
    await using _bed = bed;
    guest.agent = true;
    const deaf = cluster.packed.values().next().value ?? expect.unreachable('it is packed');

    await expect(tried({ startMs: 100 })).rejects.toMatchObject({
      code: 'HA_CHECK_FAILED',
      message: expect.stringContaining('its agent did not answer'),
    });
    deaf.agent = true;
    expect(await tried()).toMatchObject({ answered: true, summary: expect.stringContaining('its agent answered') });
  });

  test.each([
    ['hostpci0', 'mapping=gpu'],
    ['usb0', 'host=1234:5678'],
    ['hookscript', 'local:snippets/mount.pl'],
    ['args', '-drive file=/dev/sda'],
    ['virtiofs0', 'media'],
    ['serial0', '/dev/ttyS0'],
    ['scsi1', '/dev/disk/by-id/ata-x,size=1M'],
  ])('with %s: %s there is no copy beside it', async (key, value) => {
    const { bed, tried, made } = await withBackup('qemu', { [key]: value });
    await using _bed = bed;

    await expect(tried()).rejects.toMatchObject({
      code: 'HA_REMOTE_REFUSED',
      message: expect.stringContaining(`it shares ${key} with the node`),
    });
    expect(made()).toBe(0);
  });

  test('a console in a socket and a disk that is left out of backups are no reason against it', async () => {
    const { bed, tried, copy } = await withBackup('qemu', { serial0: 'socket', scsi1: 'tank:x,backup=0,size=900G' });
    await using _bed = bed;

    expect(await tried()).toMatchObject({ leftOut: ['scsi1 (on tank)'] });
    expect(copy()).toBeDefined();
  });
});

test('bind mounts and disks that a container’s backup leaves out are not in the copy, and told', async () => {
  const mounts = { mp0: '/tank/media,mp=/media', mp1: 'tank:vm-101-disk-1,mp=/cache,size=900G' };
  const { bed, tried, copy } = await withBackup('lxc', mounts);
  await using _bed = bed;

  const proof = await tried({ storage: 'tank', pool: 'drills' });

  expect(proof).toMatchObject({
    leftOut: ['mp1 (on tank)', 'mp0 (/tank/media)'],
    summary: expect.stringContaining('without a network, mp1 (on tank), mp0 (/tank/media): it went on'),
  });
  expect(copy()).toMatchObject({ pool: 'drills', config: { rootfs: 'tank:vm-9101-rootfs,size=8M' } });
  expect(copy()?.config).not.toHaveProperty('mp0');
  expect(copy()?.config).not.toHaveProperty('mp1');
});

describe('nothing is made', () => {
  test.each([
    [{ maxBytes: 2 ** 20 }, 'HA_NO_SPACE', 'raise backup.drill.max_bytes'],
    [{ spare: '101' }, 'HA_CONFLICT', undefined],
    [{ spare: '9102' }, 'HA_CONFLICT', 'an id that no guest has'],
    [{ storage: 'nowhere' }, 'HA_REMOTE_REFUSED', undefined],
  ])('with %j', async (more, code, next) => {
    const { bed, cluster, tried } = await withBackup();
    await using _bed = bed;
    await cluster.add({ vmid: 9102, type: 'lxc', node: 'pve2', name: 'stranger' });

    const asked = tried(more);

    await expect(asked).rejects.toMatchObject({
      code,
      ...(next === undefined ? {} : { next: expect.stringContaining(next) }),
    });
    expect(cluster.guests.map(({ vmid }) => vmid)).toEqual([101, 9102]);
    expect(await bed.act('endTry', { ...COPY, spare: '9102' })).toEqual({ removed: false });
    expect(cluster.guests).toHaveLength(2);
  });

  test('on a storage that has less room than its disks are large', async () => {
    const { bed, cluster, tried, made } = await withBackup();
    await using _bed = bed;
    cluster.freeBytes = 2 ** 20;

    await expect(tried()).rejects.toMatchObject({ code: 'HA_NO_SPACE', message: expect.stringContaining('local-lvm') });
    expect(made()).toBe(0);
  });
});

test('the copy of another trial is neither replaced nor removed', async () => {
  const { bed, tried, copy } = await withBackup();
  await using _bed = bed;
  await tried();

  await expect(tried({ trial: 't2' })).rejects.toMatchObject({ code: 'HA_CONFLICT' });
  expect(await bed.act('endTry', { ...COPY, trial: 't2' })).toEqual({ removed: false });
  expect(copy()).toBeDefined();
});

describe('with rights on a pool alone', () => {
  async function inPool() {
    const opened = await withBackup('qemu');
    const { rights } = opened.bed.fake;
    const all = rights.get('/') ?? [];
    rights.clear();
    rights.set('/vms/101', ['VM.Audit', 'VM.Backup']);
    rights.set('/pool/drills', ['VM.Audit', 'VM.Allocate', 'VM.PowerMgmt', 'VM.Config.Options', 'VM.Config.Network']);
    rights.set('/storage', ['Datastore.Audit', 'Datastore.AllocateSpace']);
    rights.set('/sdn', ['SDN.Use']);
    return { ...opened, all };
  }

  test('a copy is made and removed, again and again', async () => {
    const { bed, tried, copy } = await inPool();
    await using _bed = bed;

    for (const trial of ['t1', 't2']) {
      await tried({ trial, pool: 'drills' });
      expect(await bed.act('endTry', { ...COPY, trial })).toEqual({ removed: true });
    }
    expect(copy()).toBeUndefined();
  });

  test('what is left of one that could not be made cannot be seen; that is told with what to do', async () => {
    const { bed, cluster, tried } = await inPool();
    await using _bed = bed;
    cluster.faults.push({ on: /^POST \/nodes\/pve1\/qemu$/, what: 'storage full' });
    await expect(tried({ pool: 'drills' })).rejects.toMatchObject({ code: 'HA_NO_SPACE' });

    await expect(bed.act('endTry', COPY)).rejects.toMatchObject({
      code: 'HA_REMOTE_REFUSED',
      next: expect.stringContaining('look at 9101'),
    });
    await expect(tried({ trial: 't2', pool: 'drills' })).rejects.toMatchObject({
      message: expect.stringContaining('9101'),
    });
  });
});
