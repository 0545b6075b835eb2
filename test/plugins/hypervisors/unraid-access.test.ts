/** Who may ask an Unraid server, which server is asked, and what it can be asked: keys, certificates, older versions. */
import { describe, expect, test } from 'vitest';
import { known } from '#test/plugins/notifications/channel.ts';
import { makeCertificates } from '#test/support/certificates.ts';
import { needs } from '#test/support/needs.ts';
import { startSshd } from '#test/support/sshd.ts';
import { tempDir } from '#test/support/tmp.ts';
import { KEY, READING } from '#test/support/unraid/server.ts';
import { type GuestType, memoryWorld, type World } from '#test/support/unraid/worlds.ts';
import { fingerprintOf, openUnraidBed } from './unraid-bed.ts';

const AT = { guest: 'notes', label: 'autopilot-b7k2', run: 'r1' };
const STOP = { guest: 'notes', state: 'stopped', force: true };

const openBed = () => openUnraidBed(memoryWorld());

describe('the key', () => {
  test.each(['in the answer', 'with 401'] as const)(
    'that is wrong is refused %s, and is not shown',
    async (refuses) => {
      await using bed = await openBed();
      bed.fake.refuses = refuses;
      const wrong = 'wrong-key-wrong-key';
      bed.change({ api_key: known(wrong) });

      for (const action of ['inspect', 'listGuests']) {
        const refused = bed.act(action);
        await expect(refused).rejects.toMatchObject({
          code: 'HA_REMOTE_REFUSED',
          message: expect.stringContaining('the API key is not accepted'),
        });
        await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining(wrong) });
      }
    },
  );

  test.each(['short', `${KEY}\nx-other: 1`, `${KEY} ${KEY}`])('that is none is not sent', async (key) => {
    await using bed = await openBed();
    bed.change({ api_key: known(key) });

    await expect(bed.act('inspect')).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
    expect(bed.fake.asked).toEqual([]);
  });

  test('that lacks a right is told which, by doctor and by the action', async () => {
    await using bed = await openBed();
    bed.fake.rights = new Set([...READING, 'DOCKER:READ_ANY', 'VMS:READ_ANY', 'VMS:UPDATE_ANY']);

    expect(await bed.act('inspect')).toMatchObject({
      warnings: [expect.stringContaining('lacks the right DOCKER:UPDATE_ANY')],
    });
    await expect(bed.act('ensureState', STOP)).rejects.toMatchObject({
      code: 'HA_REMOTE_REFUSED',
      message: expect.stringContaining('DOCKER:UPDATE_ANY'),
    });
  });

  test('that may change nothing has no power, and one that cannot read its own rights may have it', async () => {
    await using bed = await openBed();
    const power = async () => {
      const { capabilities, warnings } = await bed.act('inspect');
      return { power: (capabilities as { name: string }[]).find(({ name }) => name === 'power'), warnings };
    };

    bed.fake.rights = new Set([...READING, 'DOCKER:READ_ANY', 'VMS:READ_ANY']);
    expect(await power()).toMatchObject({
      power: { possible: false, reason: expect.stringContaining('VMS:UPDATE_ANY') },
    });
    bed.fake.rights = new Set(['ARRAY:READ_ANY', 'INFO:READ_ANY', 'DOCKER:READ_ANY', 'VMS:READ_ANY']);
    expect(await power()).toMatchObject({
      power: { possible: true },
      warnings: [expect.stringContaining('ME:READ_ANY')],
    });
    bed.fake.roles = ['ADMIN'];
    expect(await power()).toMatchObject({ power: { possible: true }, warnings: [] });
  });

  test('that sees machines alone lists those, and says of another guest which right would tell', async () => {
    await using bed = await openBed();
    bed.fake.rights.delete('DOCKER:READ_ANY');

    expect(await bed.act('listGuests')).toMatchObject({ guests: [{ id: 'haos' }] });
    await expect(bed.act('findGuest', { guest: 'notes' })).rejects.toMatchObject({
      code: 'HA_REMOTE_REFUSED',
      message: expect.stringContaining('DOCKER:READ_ANY'),
    });
  });
});

describe('a guest that is not there', () => {
  const OFF = 'connect ENOENT /var/run/docker.sock';

  /** As when a service of the server is off. */
  function without(half: GuestType, error: string): World {
    const world = memoryWorld();
    const list: World['list'] = async (type) => {
      if (type === half) throw new Error(error);
      return await world.list(type);
    };
    return { ...world, list };
  }

  test('is no machine while Docker is off, and of containers it is said why they cannot be asked', async () => {
    await using bed = await openUnraidBed(without('container', OFF));

    await expect(bed.act('findGuest', { guest: 'nots' })).rejects.toMatchObject({
      code: 'HA_REMOTE_REFUSED',
      message: `test: there is no machine "nots", and containers cannot be asked: docker.containers: ${OFF}`,
    });
    expect(await bed.act('findGuest', { guest: 'haos' })).toMatchObject({ guest: { type: 'vm' } });
  });

  test('is no container while the VM manager is off', async () => {
    await using bed = await openUnraidBed(without('vm', 'VMs are not available'));

    await expect(bed.act('findGuest', { guest: 'hoas' })).rejects.toThrow(
      'there is no container "hoas", and machines cannot be asked: vms.domains: VMs are not available',
    );
  });

  test('has no snapshots while Docker is off, and that is not told as an engine alone', async (context) => {
    needs(context, 'sshd', 'ssh-keygen', 'ssh');
    await using sshd = await startSshd('ForceCommand exit 1\n');
    await using bed = await openUnraidBed(without('container', OFF), sshd);

    const asked = bed.act('listSnapshots', { guest: 'nots' });

    await expect(asked).rejects.toThrow('there is no machine "nots", and containers cannot be asked: ');
    await expect(asked).rejects.toMatchObject({
      code: 'HA_REMOTE_UNREACHABLE',
      next: expect.stringContaining('start Docker'),
    });
  });
});

describe('the server', () => {
  test('is known by its fingerprint, or by the authority of its certificate; to another nothing is sent', async () => {
    await using bed = await openBed();
    await using dir = await tempDir();
    const other = await makeCertificates(dir.path);

    bed.change({ fingerprint: null, ca_file: bed.certificates.ca });
    expect(await bed.act('listGuests')).toMatchObject({ guests: [{ id: 'notes' }, { id: 'haos' }] });
    const asked = bed.fake.asked.length;
    bed.change({ fingerprint: await fingerprintOf(other.certificate), ca_file: null });
    await expect(bed.act('listGuests')).rejects.toMatchObject({ code: 'HA_REMOTE_REFUSED' });
    bed.change({ fingerprint: null, ca_file: other.ca });
    await expect(bed.act('listGuests')).rejects.toMatchObject({ code: 'HA_REMOTE_REFUSED' });
    bed.change({ ca_file: null });
    await expect(bed.act('listGuests')).rejects.toMatchObject({ code: 'HA_REMOTE_REFUSED' });
    expect(bed.fake.asked).toHaveLength(asked);
  });

  test('is asked without encryption only where that stays on this machine', async () => {
    await using bed = await openBed();

    bed.change({ url: bed.fake.plainUrl, fingerprint: null });
    expect(await bed.act('listGuests')).toMatchObject({ guests: [{ id: 'notes' }, { id: 'haos' }] });
    for (const url of [
      'http://tower.lan',
      'https://tower.lan/graphql',
      'https://key@tower.lan',
      'ftp://tower.lan',
      'x',
    ]) {
      bed.change({ url });
      await expect(bed.act('listGuests'), url).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
    }
  });

  test('whose version lacks a field says which, and which version has it', async () => {
    await using bed = await openBed();
    bed.fake.without = ['DockerContainer.status', 'Metrics.memory', 'UserAccount.permissions'];

    await expect(bed.act('findGuest', { guest: 'notes' })).rejects.toMatchObject({
      code: 'HA_REMOTE_REFUSED',
      message: expect.stringContaining('DockerContainer.status'),
      next: expect.stringContaining('7.2'),
    });
    expect(await bed.act('findGuest', { guest: 'haos' })).toMatchObject({ guest: { id: 'haos' } });
    expect(await bed.act('resources')).toMatchObject({ memory: { totalBytes: null, freeBytes: null } });
    expect(await bed.act('inspect')).toMatchObject({
      warnings: [expect.stringContaining('DockerContainer.status'), expect.stringContaining('UserAccount.permissions')],
    });
  });

  test('tells its versions, the room of its array and pools, and its memory', async () => {
    await using bed = await openBed();

    expect(await bed.act('inspect')).toMatchObject({ version: 'Unraid 7.2.3, API 4.37.2', warnings: [] });
    expect(await bed.act('resources')).toEqual({
      storages: [
        { name: 'array', holds: ['disks', 'snapshots'], totalBytes: 4_096_000, freeBytes: 1_024_000 },
        { name: 'cache', holds: ['disks', 'snapshots'], totalBytes: 512_000, freeBytes: 204_800 },
      ],
      memory: { totalBytes: 17_179_869_184, freeBytes: 8_589_934_592 },
    });
  });

  test('without a configured SSH has no snapshots, and says what to configure', async () => {
    await using bed = await openBed();

    expect(await bed.act('canSnapshot', { guest: 'notes' })).toMatchObject({
      possible: false,
      summary: expect.stringContaining('configure `ssh`'),
    });
    const { capabilities } = await bed.act('inspect');
    expect(capabilities).toContainEqual({
      name: 'snapshot',
      possible: false,
      reason: expect.stringContaining('`ssh`'),
    });
    for (const action of ['snapshot', 'restoreSnapshot', 'deleteSnapshot']) {
      await expect(bed.act(action, AT), action).rejects.toMatchObject({ code: 'HA_REMOTE_REFUSED' });
    }
  });
});
