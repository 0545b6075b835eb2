/** What a repository of restic refuses is told by name, with what to do; and none of its secrets is shown. */
import { execFile } from 'node:child_process';
import { readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { AutopilotError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin as restic } from '#plugins/destinations/restic/index.ts';
import { destination } from '#sdk/kinds/destination.ts';
import { SET, stageSet } from '#test/plugins/destinations/promises.ts';
import { openLocal, openRest, openSftp, resticBed } from '#test/plugins/destinations/restic-places.ts';
import { secretRef } from '#test/plugins/destinations/ssh-places.ts';
import { mountTmpfs } from '#test/support/mounts.ts';
import { freePort } from '#test/support/redis.ts';
import { eventually } from '#test/support/wait.ts';

const run = promisify(execFile);

test('a bandwidth limit is kept', async (context) => {
  await using place = await openLocal(context, { bandwidth_limit: '4M' });
  const { bed } = place;
  const { directory } = await stageSet(bed, 'set-one', 12 << 20);

  const started = performance.now();
  await bed.destination('nas', 'store', { ...SET, directory });

  expect(performance.now() - started).toBeGreaterThan(2000);
});

test('neither password stands in a command line or in an environment', async (context) => {
  await using place = await openRest(context);
  const { bed, config } = place;
  bed.addDestination('nas', { ...config, bandwidth_limit: '1M' }, 'restic');
  const { directory } = await stageSet(bed, 'set-one', 20 << 20);
  const cancel = new AbortController();

  const attempt = bed.destination('nas', 'store', { ...SET, directory }, cancel.signal);
  attempt.catch(() => undefined);
  const seen = await eventually('restic copies', copyingProcess);
  cancel.abort(new Error('seen'));
  await expect(attempt).rejects.toMatchObject({ code: 'HA_CANCELLED' });

  expect(seen).toContain('RESTIC_PASSWORD_FILE');
  expect(seen).not.toContain(place.password);
  expect(seen).not.toMatch(/let.{1,3}me/);
  expect(await readdir(join(bed.stateDir, 'scratch'))).toEqual([]);
});

async function copyingProcess(): Promise<string | undefined> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
    const words = await read('cmdline');
    if (words.includes('set:set-one') && words.includes('backup')) return `${words} ${await read('environ')}`;
  }
  return undefined;
}

test('what is wrong with a repository is told by what it is, and none is ever made', async (context) => {
  await using place = await openLocal(context);
  const { bed, config } = place;
  const refusalWith = async (more: JsonObject) => {
    bed.addDestination('nas', { ...config, ...more }, 'restic');
    return await bed.destination('nas', 'check', {}).catch((error: unknown) => error);
  };
  const nowhere = join(bed.folder, 'nowhere');

  expect(await refusalWith({ password: secretRef('wrong') })).toMatchObject({
    code: 'HA_DESTINATION_UNUSABLE',
    message: expect.stringContaining('no key found'),
    next: expect.stringContaining('password_file'),
  });
  expect(await refusalWith({ repository: nowhere })).toMatchObject({
    code: 'HA_DESTINATION_UNUSABLE',
    message: expect.stringContaining(nowhere),
    next: expect.stringContaining('restic -r REPOSITORY init'),
  });
  expect(await refusalWith({ repository: `rest:http://127.0.0.1:${await freePort()}/` })).toMatchObject({
    code: 'HA_REMOTE_UNREACHABLE',
    message: expect.stringContaining('connection refused'),
  });
  expect(await refusalWith({ repository: 'rclone:nobody:path' })).toMatchObject({
    code: 'HA_CONFIG_INVALID',
    next: expect.stringContaining('rclone listremotes'),
  });
  await expect(readdir(nowhere)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a REST server with another login refuses, and no password is in what is told of it', async (context) => {
  await using place = await openRest(context);
  const { bed, config } = place;
  bed.addDestination('nas', { ...config, rest_password: secretRef('wrong') }, 'restic');

  const attempt = bed.destination('nas', 'check', {});

  await expect(attempt).rejects.toMatchObject({
    code: 'HA_DESTINATION_UNUSABLE',
    next: expect.stringContaining('login'),
  });
  await expect(attempt).rejects.toThrow(/401/);
  expect(JSON.stringify(bed.stage.lines)).not.toMatch(/backup:wrong/);
});

test('an SSH server with another key than the pinned one is sent nothing', async (context) => {
  await using place = await openSftp(context);
  await place.sshd.changeHostKey();

  // When restic ends before its ssh is heard, the outcome is unknown, and it is tried again.
  const told = await eventually('the reason is told', async () => {
    const error: unknown = await place.bed.destination('nas', 'check', {}).then(
      () => 'it was let in',
      (reason: unknown) => reason,
    );
    return error instanceof AutopilotError && error.code === 'HA_REMOTE_UNREACHABLE' ? undefined : error;
  });

  expect(told).toMatchObject({
    code: 'HA_DESTINATION_UNUSABLE',
    next: expect.stringContaining('correct host_key'),
  });
  expect(await place.sshd.log()).not.toMatch(/Accepted publickey[^]*Server listening[^]*Accepted publickey/);
});

test('a full disk ends a copy with that reason, and what was half written is removed', async (context) => {
  await using place = await openLocal(context);
  const { bed, config } = place;
  const { directory } = await stageSet(bed, 'set-one', 30 << 20);
  await using disk = await mountTmpfs(context, join(bed.folder, 'disk'), '24m');
  const repository = join(disk.path, 'repository');
  await run('restic', ['init', '-r', repository], { env: place.environment });
  bed.addDestination('nas', { ...config, repository }, 'restic');

  await expect(bed.destination('nas', 'store', { ...SET, directory })).rejects.toMatchObject({ code: 'HA_NO_SPACE' });

  const { stdout } = await run('du', ['-sk', repository]);
  expect(Number.parseInt(stdout, 10)).toBeLessThan(2000);
});

test('a set is read from a disk that is read-only, and a copy to it is refused at once', async (context) => {
  await using place = await openLocal(context);
  const { bed, config } = place;
  const { directory } = await stageSet(bed);
  await bed.destination('nas', 'store', { ...SET, directory });
  await using disk = await mountTmpfs(context, join(bed.folder, 'disk'), '24m');
  const repository = join(disk.path, 'repository');
  await run('cp', ['-a', place.root, repository]);
  await run('mount', ['-o', 'remount,ro', disk.path]);
  bed.addDestination('nas', { ...config, repository }, 'restic');

  const listed = await bed.destination('nas', 'list', {});
  const opened = destination.actions.open.output.parse(await bed.destination('nas', 'open', SET));

  expect(listed['sets']).toMatchObject([{ id: 'set-one' }]);
  expect((await readdir(opened.directory)).length).toBe(4);
  for (const [action, input] of [
    ['check', {}],
    ['store', { ...SET, set: 'set-two', directory }],
  ] as const) {
    const attempt = bed.destination('nas', action, input);
    await expect(attempt).rejects.toMatchObject({ code: 'HA_DESTINATION_UNUSABLE' });
    await expect(attempt).rejects.toThrow('read-only');
  }
});

test('a repository in what is backed up is refused, also when one of them is named by a link', async (context) => {
  await using place = await openLocal(context);
  const { bed, config } = place;
  const alias = `${bed.folder}-alias`;
  await symlink(bed.folder, alias);
  bed.addDestination('linked', { ...config, repository: join(alias, 'repository') }, 'restic');

  for (const [destination, source] of [
    ['nas', bed.folder],
    ['nas', alias],
    ['linked', bed.folder],
  ] as const) {
    const attempt = bed.destination(destination, 'check', { sources: [source] });
    await expect(attempt).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
    await expect(attempt).rejects.toThrow(`lies in the source ${source}`);
  }
});

const LOGIN = { host_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl' };

test.each([
  { repository: 'relative/path' },
  { repository: 'rest:https://user:word@nas:8000/' },
  { repository: 'sftp:-oProxyCommand=x:/srv' },
  { repository: 'sftp:backup@nas:/srv' },
  { repository: 'rclone:--config:x' },
  { repository: 's3:https://nas/bucket' },
  { repository: 'b2:bucket' },
  { repository: '/srv/restic\nmore' },
  { rest_user: 'backup' },
  { repository: 'rest:https://nas:8000/', rest_user: 'backup' },
  LOGIN,
])('%j is refused by its form', (more) => {
  const config = { repository: '/srv/restic', password: secretRef('password'), ...more };

  expect(restic.config.safeParse(config).success).toBe(false);
});

test('a login goes to this machine alone by plain http, unless it is said', async () => {
  await using bed = await resticBed();
  const config = { password: secretRef('password'), rest_user: 'backup', rest_password: secretRef('login') };
  bed.addDestination('nas', { ...config, repository: 'rest:http://192.168.1.1:8000/' }, 'restic');

  await expect(bed.destination('nas', 'check', {})).rejects.toMatchObject({
    code: 'HA_CONFIG_INVALID',
    next: expect.stringContaining('allow_private'),
  });
});
