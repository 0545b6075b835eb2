/** A server that is known by its key gets whole sets, whatever happens to the line; another one gets nothing. */
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { plugin as sftp } from '#plugins/destinations/sftp/index.ts';
import { parseHostKey } from '#sdk/ssh/host-key.ts';
import { openBed } from '#test/archive/bed.ts';
import { openProxy } from '#test/chaos/proxy.ts';
import { filesBelow, keepsPromises, keepsSets, SET, stageSet } from '#test/plugins/destinations/promises.ts';
import { openPlainServer, openServer, secretRef } from '#test/plugins/destinations/ssh-places.ts';
import { mountTmpfs } from '#test/support/mounts.ts';
import { needs } from '#test/support/needs.ts';
import { freePort } from '#test/support/redis.ts';
import { eventually } from '#test/support/wait.ts';

const AT = { ...SET, destination: 'nas' };
describe('OpenSSH, with a key', () => {
  keepsPromises(openServer);
});

describe('a server without the extensions of OpenSSH, with a password', () => {
  keepsSets(openPlainServer);
});

test('a server with another key than the pinned one gets no try to log in', async (context) => {
  await using place = await openServer(context);
  const { bed, sshd } = place;
  await bed.destination('nas', 'check', {});
  const logins = /(Accepted|Failed|Postponed|Invalid user|authenticating user) /g;
  const firstLogin = (await sshd.log()).match(logins);
  await sshd.changeHostKey();

  const attempt = bed.destination('nas', 'list', {});

  await expect(attempt).rejects.toMatchObject({ code: 'HA_DESTINATION_UNUSABLE' });
  await expect(attempt).rejects.toThrow(/is not the pinned server: it showed SHA256:\S+, pinned is SHA256:/);
  // The server logs each try to log in; after the first connection there was none.
  expect((await sshd.log()).match(logins)).toEqual(firstLogin);
});

test('a password goes to no server with another key', async (context) => {
  needs(context, 'ssh-keygen');
  await using bed = await openBed({ plugins: [sftp], secrets: { password: 'hunter2' } });
  const { default: ssh2 } = await import('ssh2');
  const key = ssh2.utils.generateKeyPairSync('ed25519');
  const pinned = ssh2.utils.generateKeyPairSync('ed25519');
  const logins: string[] = [];
  const server = new ssh2.Server({ hostKeys: [key.private] }, (client) => {
    client.on('authentication', (login) => {
      logins.push(login.method);
      login.reject();
    });
    client.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const config = { host: '127.0.0.1', port: port ?? 0, username: 'backup', path: '/srv' };
  const withPin = (host_key: string) => ({ ...config, host_key, password: secretRef('password') });
  bed.addDestination('other', withPin(pinned.public), 'sftp');
  bed.addDestination('right', withPin(key.public), 'sftp');

  await expect(bed.destination('other', 'check', {})).rejects.toThrow('is not the pinned server');
  const toOther = [...logins];
  await expect(bed.destination('right', 'check', {})).rejects.toThrow('does not let backup in');
  server.close();

  expect(toOther).toEqual([]);
  expect(logins).toContain('password');
});

test('a copy that is cut off goes on where it was, and is whole in the end', async (context) => {
  await using place = await openServer(context);
  const { bed, root, sshd, config } = place;
  await using line = await openProxy(sshd.port);
  bed.addDestination('nas', { ...config, port: line.port, bandwidth_limit: '8M' }, 'sftp');
  const { directory } = await stageSet(bed, 'set-one', 12 << 20);
  const data = join(root, 'notes/.partial-set-one/data.tar.zst');

  const attempt = bed.destination('nas', 'store', { ...SET, directory });
  attempt.catch(() => undefined);
  await eventually('most of it is there', async () => (await sizeOf(data)) > 8 << 20);
  line.set('cut');
  await expect(attempt).rejects.toMatchObject({ code: 'HA_REMOTE_UNREACHABLE' });
  await expect(attempt).rejects.toThrow(/the connection to .* was lost: .*; whether that happened is not known/);
  expect(await bed.destination('nas', 'list', {}).catch((error: unknown) => error)).toMatchObject({
    code: 'HA_REMOTE_UNREACHABLE',
  });
  line.set('whole');
  expect(await bed.destination('nas', 'list', {})).toEqual({ sets: [], unreadable: [] });
  await bed.destination('nas', 'store', { ...SET, directory });

  const resumed = bed.stage.lines.filter(({ message }) => message === 'a copy that was cut off is gone on with');
  expect(resumed.map(({ fields }) => fields?.['part'])).toContain('data.tar.zst');
  expect(await readFile(join(root, 'notes/set-one/data.tar.zst'))).toEqual(
    await readFile(join(directory, 'data.tar.zst')),
  );
  expect(await bed.archive('verifyCopy', AT)).toMatchObject({ how: 'read back' });
  expect(await readdir(join(root, 'notes'))).toEqual(['set-one']);
});

test('a server that falls silent in mid-copy is waited for as long as it is said, and no longer', async (context) => {
  await using place = await openServer(context);
  const { bed, root, sshd, config } = place;
  await using line = await openProxy(sshd.port);
  bed.addDestination('nas', { ...config, port: line.port, bandwidth_limit: '2M', timeout: '2s' }, 'sftp');
  const { directory } = await stageSet(bed, 'set-one', 8 << 20);

  const attempt = bed.destination('nas', 'store', { ...SET, directory });
  attempt.catch(() => undefined);
  await eventually('the data comes', async () => (await sizeOf(join(root, 'notes/.partial-set-one/data.tar.zst'))) > 0);
  line.set('half-open');

  await expect(attempt).rejects.toMatchObject({ code: 'HA_REMOTE_UNREACHABLE' });
  line.set('cut');
});

test('what a partial copy of other data holds is not gone on with', async (context) => {
  await using place = await openServer(context);
  const { bed, root } = place;
  const { directory } = await stageSet(bed);
  const partial = join(root, 'notes/.partial-set-one');
  await mkdir(partial, { recursive: true });
  await writeFile(join(partial, 'data.tar.zst'), 'something else');
  const manifest = (await readFile(join(directory, 'manifest.json'), 'utf8')).replace(/"run": "run1"/, '"run": "run0"');
  await writeFile(join(partial, 'manifest.json'), manifest);

  await bed.destination('nas', 'store', { ...SET, directory });

  expect(await bed.archive('verifyCopy', AT)).toMatchObject({ how: 'read back' });
});

test('a set that is whole there already is read back, and not sent again', async (context) => {
  await using place = await openServer(context);
  const { bed, root } = place;
  const { directory } = await stageSet(bed);
  await bed.destination('nas', 'store', { ...SET, directory });
  const { ino, mtimeMs } = await stat(join(root, 'notes/set-one/data.tar.zst'));

  await bed.destination('nas', 'store', { ...SET, directory });

  expect(await stat(join(root, 'notes/set-one/data.tar.zst'))).toMatchObject({ ino, mtimeMs });
});

test('a server without room is told before it is full', async (context) => {
  await using place = await openServer(context);
  const { bed, config } = place;
  await using disk = await mountTmpfs(context, join(bed.folder, 'disk'), '2m');
  bed.addDestination('nas', { ...config, path: disk.path }, 'sftp');
  const { directory } = await stageSet(bed, 'set-one', 4 << 20);

  const checked = await bed.destination('nas', 'check', {});
  const attempt = bed.destination('nas', 'store', { ...SET, directory });

  expect(checked['freeBytes']).toBe(2 << 20);
  await expect(attempt).rejects.toMatchObject({ code: 'HA_NO_SPACE' });
  expect((await filesBelow(disk.path)).filter((path) => path.includes('data'))).toEqual([]);
});

test('a bandwidth limit is kept', async (context) => {
  await using place = await openServer(context);
  const { bed, config } = place;
  bed.addDestination('nas', { ...config, bandwidth_limit: '2M' }, 'sftp');
  const { directory } = await stageSet(bed, 'set-one', 4 << 20);

  const started = performance.now();
  await bed.destination('nas', 'store', { ...SET, directory });

  expect(performance.now() - started).toBeGreaterThan(1900);
});

test('a copy that is cancelled ends at once', async (context) => {
  await using place = await openServer(context);
  const { bed, config } = place;
  bed.addDestination('nas', { ...config, bandwidth_limit: '100K' }, 'sftp');
  const { directory } = await stageSet(bed, 'set-one', 4 << 20);
  const cancel = new AbortController();

  const attempt = bed.destination('nas', 'store', { ...SET, directory }, cancel.signal);
  await eventually('it has begun', async () => (await filesBelow(place.root)).length > 0);
  cancel.abort(new Error('cancelled by the test'));

  await expect(attempt).rejects.toMatchObject({ code: 'HA_CANCELLED' });
});

test('a wrong key, a missing directory and a server that is off are told apart', async (context) => {
  await using place = await openServer(context);
  const { bed, config } = place;
  const { default: ssh2 } = await import('ssh2');
  const stranger = ssh2.utils.generateKeyPairSync('ed25519');
  await using strange = await openBed({ plugins: [sftp], secrets: { key: stranger.private, cut: 'not a key' } });
  strange.addDestination('stranger', config, 'sftp');
  strange.addDestination('cut', { ...config, private_key: secretRef('cut') }, 'sftp');
  bed.addDestination('away', { ...config, path: '/nowhere/backups' }, 'sftp');
  bed.addDestination('off', { ...config, port: await freePort() }, 'sftp');

  const refusal = async (attempt: Promise<unknown>) => await attempt.catch((error: unknown) => error);

  expect(await refusal(strange.destination('stranger', 'check', {}))).toMatchObject({
    code: 'HA_DESTINATION_UNUSABLE',
    message: expect.stringContaining('does not let'),
  });
  expect(await refusal(strange.destination('cut', 'check', {}))).toMatchObject({ code: 'HA_CONFIG_INVALID' });
  expect(await refusal(bed.destination('away', 'check', {}))).toMatchObject({
    code: 'HA_DESTINATION_UNUSABLE',
    next: expect.stringContaining('mkdir -p /nowhere/backups'),
  });
  expect(await refusal(bed.destination('off', 'check', {}))).toMatchObject({ code: 'HA_REMOTE_UNREACHABLE' });
});

test.each([
  ['of a .pub file', 'ssh-ed25519 KEY root@nas', true],
  ['of ssh-keyscan', '[nas]:2222 ssh-ed25519 KEY', true],
  ['cut off', 'ssh-ed25519 AAAAC3Nz', false],
  ['of another type than it says', 'ssh-rsa KEY', false],
  ['a fingerprint', 'SHA256:uNiVztksCsDhcc0u9e8BrsmfZ', false],
])('a host key %s is read as what it is', (_what, text, good) => {
  const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';

  expect(parseHostKey(text.replace('KEY', key)) !== undefined).toBe(good);
});

async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
