/** ESXi and vCenter by their API, on govmomi's simulator: the promises of every hypervisor, lost answers, logins, names. */
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { known } from '#test/plugins/notifications/channel.ts';
import { makeCertificates } from '#test/support/certificates.ts';
import { tempDir } from '#test/support/tmp.ts';
import { buildSimulator, canSimulate, needsSimulator, PASSWORD } from '#test/support/vsphere/simulator.ts';
import { openVsphere } from './esxi-bed.ts';
import { keepsGuests, keepsSnapshots } from './promises.ts';
import { fingerprintOf } from './proxmox-bed.ts';

const LABEL = 'autopilot-b7k2';

beforeAll(async () => {
  if (canSimulate()) await buildSimulator();
}, 300_000);
beforeEach((context) => needsSimulator(context));

describe.each(['host', 'vcenter'] as const)('%s', (kind) => {
  keepsGuests(() => openVsphere(kind));
  keepsSnapshots(() => openVsphere(kind));
});

const snapshotOf = (guest: string) => ({ guest, label: LABEL, run: 'r1' });

describe('a lost connection', () => {
  test.each(['CreateSnapshot_Task', 'RemoveSnapshot_Task', 'RevertToSnapshot_Task'])(
    'after %s is got over by a look at its task, and it is asked for once',
    async (method) => {
      await using bed = await openVsphere('host');
      const at = snapshotOf(bed.guest);
      bed.proxy.troubles.push({ on: method, what: 'reply lost after the act' });
      await bed.write('before');

      const made = await bed.act('snapshot', at);
      await bed.write('after');
      await bed.act('restoreSnapshot', at);

      expect(made).toMatchObject({ snapshot: { label: LABEL, run: 'r1', complete: true } });
      expect(await bed.read()).toBe('before');
      expect(await bed.act('deleteSnapshot', at)).toEqual({ removed: true });
      expect(bed.calls(method)).toBe(1);
    },
  );

  test('before a change arrived is an unknown outcome, and the next attempt makes it', async () => {
    await using bed = await openVsphere('host');
    const at = snapshotOf(bed.guest);
    bed.proxy.troubles.push({ on: 'CreateSnapshot_Task', what: 'request lost' });

    await expect(bed.act('snapshot', at)).rejects.toMatchObject({
      code: 'HA_REMOTE_UNREACHABLE',
      message: expect.stringContaining('not known'),
    });
    expect(await bed.act('snapshot', at)).toMatchObject({ snapshot: { complete: true } });
  });

  test('while something is read is got over by asking again', async () => {
    await using bed = await openVsphere('host');
    bed.proxy.troubles.push({ on: 'RetrievePropertiesEx', what: 'unavailable' }, { on: 'Login', what: 'request lost' });

    expect(await bed.act('findGuest', { guest: bed.guest })).toMatchObject({ guest: { state: 'running' } });
  });

  test('is told after a while when nobody answers', async () => {
    await using bed = await openVsphere('host');
    bed.change({ url: 'https://127.0.0.1:1', patience: '100ms' });

    await expect(bed.act('inspect')).rejects.toMatchObject({ code: 'HA_REMOTE_UNREACHABLE' });
  });
});

describe('a login', () => {
  test('is ended by each action, also by one that fails', async () => {
    await using bed = await openVsphere('host');

    await bed.act('listGuests');
    await expect(bed.act('findGuest', { guest: 'nobody' })).rejects.toMatchObject({ code: 'HA_NOT_FOUND' });

    expect(bed.calls('Login')).toBe(2);
    expect(bed.calls('Logout')).toBe(2);
  });

  test('that the server has forgotten is made anew, and the change is made once', async () => {
    await using bed = await openVsphere('host');
    bed.proxy.troubles.push({ on: 'CreateSnapshot_Task', what: { fault: 'NotAuthenticated' } });

    await bed.act('snapshot', snapshotOf(bed.guest));

    expect(bed.calls('Login')).toBe(2);
    expect(await bed.act('listSnapshots', { guest: bed.guest })).toMatchObject({ snapshots: [{ label: LABEL }] });
  });

  test('with a wrong password is tried once, is refused with the next step, and the password is not shown', async () => {
    await using bed = await openVsphere('host');
    bed.change({ password: known('wrong-as-can-be') });

    const refused = bed.act('inspect');

    await expect(refused).rejects.toMatchObject({
      code: 'HA_REMOTE_REFUSED',
      message: expect.stringContaining('does not let vcsim in'),
      next: expect.stringContaining('password'),
    });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('wrong-as-can-be') });
    expect(bed.calls('Login')).toBe(1);
  });

  test('goes to no server whose certificate is not the pinned one: nothing at all is sent there', async () => {
    await using bed = await openVsphere('host');
    await using dir = await tempDir();
    const other = await makeCertificates(dir.path);
    const shown = await fingerprintOf(other.certificate);

    await bed.proxy.present(other);
    await expect(bed.act('inspect')).rejects.toMatchObject({
      code: 'HA_REMOTE_REFUSED',
      message: expect.stringContaining(shown),
    });
    bed.change({ ca_file: bed.certificates.ca, fingerprint: null });
    await expect(bed.act('inspect')).rejects.toMatchObject({ code: 'HA_REMOTE_REFUSED' });
    expect(bed.proxy.bodies).toEqual([]);

    bed.change({ ca_file: other.ca });
    expect(await bed.act('inspect')).toMatchObject({ version: expect.stringContaining('ESXi') });
    expect(bed.proxy.bodies.join('').split('<password>')).toHaveLength(2);
  });

  test('goes to a server whose pinned certificate has expired, and by an authority to none', async () => {
    await using bed = await openVsphere('host');
    await using dir = await tempDir();
    const old = await makeCertificates(dir.path, { from: '20200101000000Z', to: '20200201000000Z' });
    await bed.proxy.present(old);

    bed.change({ fingerprint: await fingerprintOf(old.certificate) });
    expect(await bed.act('listGuests')).toMatchObject({ guests: expect.any(Array) });
    bed.proxy.bodies.length = 0;
    bed.change({ ca_file: old.ca, fingerprint: null });
    await expect(bed.act('inspect')).rejects.toMatchObject({
      code: 'HA_REMOTE_REFUSED',
      message: expect.stringContaining('expired'),
    });
    expect(bed.proxy.bodies).toEqual([]);
  });
});

test('a slow task is waited for, and one of an earlier attempt too, before anything is made', async () => {
  await using bed = await openVsphere('host');
  const at = snapshotOf(bed.guest);
  bed.proxy.edits.push({ on: 'RetrievePropertiesEx', from: /<state>success</, to: '<state>running<', times: 3 });

  expect(await bed.act('snapshot', at)).toMatchObject({ snapshot: { complete: true } });

  // Its task is still shown as running to the next one, that finds the snapshot then and makes none.
  bed.proxy.edits.push({ on: 'RetrievePropertiesEx', from: /<state>success</, to: '<state>running<', times: 3 });
  expect(await bed.act('snapshot', at)).toMatchObject({ summary: expect.stringContaining('was there') });
  expect(bed.calls('CreateSnapshot_Task')).toBe(1);
});

test('a name that two guests have is refused with their uuids, and each is found by its own', async () => {
  await using bed = await openVsphere('host');
  bed.proxy.edits.push({ on: 'RetrievePropertiesEx', from: />ha-host_VM1</, to: `>${bed.guest}<` });

  const { guests } = (await bed.act('listGuests')) as { guests: { id: string; name: string }[] };
  const [first, second] = guests.map(({ id }) => id);

  expect(first).toMatch(/^[0-9a-f-]{36}$/);
  await expect(bed.act('findGuest', { guest: bed.guest })).rejects.toMatchObject({
    code: 'HA_CONFLICT',
    message: expect.stringMatching(`${first}, ${second}|${second}, ${first}`),
  });
  expect(await bed.act('findGuest', { guest: second ?? '' })).toMatchObject({ guest: { id: second, name: bed.guest } });
});

test('a name with signs that mean something in XML or to vSphere is the guest’s own name', async () => {
  await using bed = await openVsphere('vcenter');
  const name = `<b>"it's" $(id) & 50% ; x`;
  await bed.proxy.client.perform(
    'Rename_Task',
    bed.machine,
    `<newName>${name.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('%', '%25')}</newName>`,
  );

  expect(await bed.act('findGuest', { guest: name })).toMatchObject({ guest: { id: name, name } });
  expect(await bed.act('snapshot', snapshotOf(name))).toMatchObject({ snapshot: { run: 'r1' } });
});

test('a snapshot of ours beside a stranger’s of the same name is neither adopted nor taken for the stranger’s', async () => {
  await using bed = await openVsphere('host');
  const at = snapshotOf(bed.guest);
  await bed.act('snapshot', at);
  await bed.foreignSnapshot(LABEL);

  await expect(bed.act('restoreSnapshot', at)).rejects.toMatchObject({ code: 'HA_CONFLICT' });
  expect(await bed.act('listSnapshots', { guest: bed.guest })).toMatchObject({
    snapshots: [{ run: 'r1' }, { run: null }],
  });
});

test('many guests come on several pages, and all are read', async () => {
  await using bed = await openVsphere('vcenter');
  const all = (await bed.act('listGuests'))['guests'] as unknown[];
  bed.proxy.paged = true;

  expect((await bed.act('listGuests'))['guests']).toEqual(all);
  expect(bed.calls('ContinueRetrievePropertiesEx')).toBeGreaterThan(0);
});

test('the password is nowhere but in the login', async () => {
  await using bed = await openVsphere('host');
  await bed.act('snapshot', snapshotOf(bed.guest));

  const others = bed.proxy.bodies.filter((body) => !body.includes('<Login '));

  expect(others.length).toBeGreaterThan(3);
  expect(others.filter((body) => body.includes(PASSWORD.slice(0, 7)))).toEqual([]);
});
