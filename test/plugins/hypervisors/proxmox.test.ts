/** Proxmox VE: the promises of every hypervisor, lost answers, rights and certificates. */
import { expect, test } from 'vitest';
import { makeCertificates } from '#test/support/certificates.ts';
import type { Fault } from '#test/support/proxmox/cluster.ts';
import { TOKEN } from '#test/support/proxmox/server.ts';
import { tempDir } from '#test/support/tmp.ts';
import { keepsGuests, keepsSnapshots } from './promises.ts';
import { fingerprintOf, openBed } from './proxmox-bed.ts';

const AT = { guest: '101', label: 'autopilot-b7k2', run: 'r1' };

keepsGuests(() => openBed());
keepsSnapshots(() => openBed());

test('a virtual machine comes back from its snapshot too', async () => {
  await using bed = await openBed('qemu');
  await bed.write('before');

  const made = await bed.act('snapshot', { ...AT, memory: true });
  await bed.write('after');
  await bed.act('restoreSnapshot', AT);

  expect(made).toMatchObject({ snapshot: { covers: ['disk', 'memory', 'configuration'] } });
  expect(await bed.read()).toBe('before');
});

const AFTER: Fault['what'][] = ['reply lost after the act', '596 after the act', 'unexpected status after the act'];

test.each(AFTER)('a snapshot is found made when: %s', async (what) => {
  await using bed = await openBed();
  bed.fake.cluster.faults.push({ on: /^POST .*\/snapshot$/, what });

  expect(await bed.act('snapshot', AT)).toMatchObject({ snapshot: { label: AT.label, run: 'r1', complete: true } });
  expect(bed.fake.asked.filter((one) => /^POST .*\/snapshot$/.test(one))).toHaveLength(1);
});

test.each(['request lost', 'unexpected status before the act'] as const)(
  'a change is an unknown outcome, and the next attempt makes it, when: %s',
  async (what) => {
    await using bed = await openBed();
    bed.fake.cluster.faults.push({ on: /^POST .*\/snapshot$/, what });

    await expect(bed.act('snapshot', AT)).rejects.toMatchObject({
      code: 'HA_REMOTE_UNREACHABLE',
      message: expect.stringContaining('not known'),
    });
    expect(await bed.act('snapshot', AT)).toMatchObject({ snapshot: { complete: true } });
  },
);

test.each(['reply lost after the act', '596 after the act'] as const)(
  'a rollback is followed by its task, and made once, when: %s',
  async (what) => {
    await using bed = await openBed();
    await bed.write('before');
    await bed.act('snapshot', AT);
    await bed.write('after');
    bed.fake.cluster.faults.push({ on: /rollback$/, what });

    await bed.act('restoreSnapshot', AT);

    expect(await bed.read()).toBe('before');
    expect(bed.fake.asked.filter((one) => one.endsWith('/rollback'))).toHaveLength(1);
  },
);

test('a snapshot of ours that was cut short is made anew', async () => {
  await using bed = await openBed();
  await bed.act('snapshot', AT);
  const [guest] = bed.fake.cluster.guests;
  Object.assign(guest?.snapshots[0] ?? {}, { snapstate: 'prepare' });

  expect(await bed.act('listSnapshots', { guest: '101' })).toMatchObject({ snapshots: [{ complete: false }] });
  expect(await bed.act('snapshot', AT)).toMatchObject({ snapshot: { complete: true } });
});

test('a guest that moved to another node is found there', async () => {
  await using bed = await openBed();
  await bed.act('snapshot', AT);
  Object.assign(bed.fake.cluster.guests[0] ?? {}, { node: 'pve2' });

  expect(await bed.act('findGuest', { guest: '101' })).toMatchObject({ guest: { node: 'pve2' } });
  expect(await bed.act('deleteSnapshot', AT)).toEqual({ removed: true });
});

test('a guest that does not stop is HA_CHECK_FAILED, and is switched off when told', async () => {
  await using bed = await openBed();
  Object.assign(bed.fake.cluster.guests[0] ?? {}, { stubborn: true });
  const stop = { guest: '101', state: 'stopped', graceMs: 1_000 };

  await expect(bed.act('ensureState', stop)).rejects.toMatchObject({ code: 'HA_CHECK_FAILED' });
  expect(await bed.act('ensureState', { ...stop, force: true })).toEqual({ changed: true, forced: true });
});

test('a locked guest, a storage without snapshots and a full storage are told as what they are', async () => {
  await using bed = await openBed();
  const [guest] = bed.fake.cluster.guests;
  if (guest === undefined) throw new Error('there is a guest');

  guest.lock = 'backup';
  expect(await bed.act('canSnapshot', { guest: '101' })).toMatchObject({ possible: false });
  await expect(bed.act('snapshot', AT)).rejects.toMatchObject({
    code: 'HA_REMOTE_REFUSED',
    message: expect.stringContaining('locked (backup)'),
  });
  delete guest.lock;
  guest.hasFeature = false;
  guest.config['mp0'] = '/srv/media,mp=/media';
  expect(await bed.act('canSnapshot', { guest: '101' })).toMatchObject({
    possible: false,
    summary: expect.stringContaining('mp0 (/srv/media)'),
  });
  bed.fake.cluster.faults.push({ on: /vzdump$/, what: 'storage full' });
  await expect(bed.act('backup', { guest: '101', run: 'r1' })).rejects.toMatchObject({ code: 'HA_NO_SPACE' });
});

test.each([false, true])('a right that is missing is named (in the status line alone: %s)', async (bare) => {
  await using bed = await openBed();
  bed.fake.rights.set('/', ['VM.Audit']);
  if (bare) bed.fake.cluster.faults.push({ on: /^POST .*\/snapshot$/, what: 'reason phrase only' });

  const { capabilities } = await bed.act('inspect');
  expect(capabilities).toContainEqual({
    name: 'snapshot',
    possible: false,
    reason: 'the right VM.Snapshot is missing on /vms/101',
  });
  await expect(bed.act('snapshot', AT)).rejects.toMatchObject({
    code: 'HA_REMOTE_REFUSED',
    message: expect.stringContaining('the right VM.Snapshot on /vms/101 is missing'),
  });
});

test('a wrong token is refused with the next step, and is not shown', async () => {
  await using bed = await openBed();
  const wrong = TOKEN.replace('0f2b', 'ffff');
  bed.change({ token: { $secret: { path: wrong, source: { from: 'configuration' } } } });

  const refused = bed.act('inspect');
  await expect(refused).rejects.toMatchObject({ code: 'HA_REMOTE_REFUSED', next: expect.stringContaining('token') });
  await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('ffff') });
});

test('a token that has expired is told as that, with the next step, and nothing is asked any more', async () => {
  await using bed = await openBed();
  bed.fake.refusal = "token 'hlap@pve!autopilot' access expired";

  await expect(bed.act('snapshot', AT)).rejects.toMatchObject({
    code: 'HA_REMOTE_REFUSED',
    message: expect.stringContaining('access expired'),
    next: expect.stringContaining('not expired'),
  });
  expect(bed.fake.asked).toHaveLength(1);
});

const YEAR_S = 365 * 86_400;

test.each([-6 * YEAR_S, 3_600, 6 * YEAR_S])(
  'a node whose clock is %d s off gives, finds and removes what is ours',
  async (ahead) => {
    await using bed = await openBed();
    bed.fake.cluster.clockAhead = ahead;
    await bed.write('before');

    const first = await bed.act('snapshot', AT);
    const kept = await bed.act('backup', { guest: '101', run: 'r1' });
    await bed.write('after');
    await bed.act('restoreSnapshot', AT);

    expect(await bed.read()).toBe('before');
    expect(await bed.act('snapshot', AT)).toMatchObject({ snapshot: first['snapshot'] });
    expect(await bed.act('backup', { guest: '101', run: 'r1' })).toEqual(kept);
    expect(await bed.act('deleteSnapshot', AT)).toEqual({ removed: true });
  },
);

test.each([
  ['has expired', { from: '20200101000000Z', to: '20200201000000Z' }],
  ['is not yet valid', { from: '20990101000000Z', to: '20990201000000Z' }],
])('a certificate that %s is refused with ca_file, the clocks are named, and no token is sent', async (_, when) => {
  await using bed = await openBed();
  await using dir = await tempDir();
  const other = await makeCertificates(dir.path, when);
  await bed.fake.present(other);
  bed.change({ ca_file: other.ca });

  await expect(bed.act('inspect')).rejects.toMatchObject({
    code: 'HA_REMOTE_REFUSED',
    next: expect.stringMatching(/nothing was sent.*clocks/),
  });
  expect(bed.fake.asked).toEqual([]);
});

test('an answer of a gigabyte is not read to its end', async () => {
  await using bed = await openBed();
  bed.change({ patience: '10ms' });
  bed.fake.cluster.faults.push({ on: /version$/, what: 'answer without end' });
  const before = process.memoryUsage().rss;

  await expect(bed.act('inspect')).rejects.toMatchObject({
    code: 'HA_REMOTE_UNREACHABLE',
    message: expect.stringContaining('longer than 32 MiB'),
  });

  expect(process.memoryUsage().rss - before).toBeLessThan(300 << 20);
});

test('nothing is sent to a server whose certificate is not the pinned one', async () => {
  await using bed = await openBed();
  await using dir = await tempDir();
  const other = await makeCertificates(dir.path);
  const shown = await fingerprintOf(other.certificate);

  await bed.fake.present(other);
  await expect(bed.act('inspect')).rejects.toMatchObject({
    code: 'HA_REMOTE_REFUSED',
    message: expect.stringContaining(shown),
  });
  bed.change({ ca_file: bed.certificates.ca });
  await expect(bed.act('inspect')).rejects.toMatchObject({ code: 'HA_REMOTE_REFUSED' });
  expect(bed.fake.asked).toEqual([]);

  bed.change({ ca_file: other.ca });
  expect(await bed.act('inspect')).toMatchObject({ version: '9.1.3' });
});
