/** Restore points on other machines, as their owner sees them: made by the program, and used when all else is lost. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, type TestContext, test } from 'vitest';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';
import { type Mount, mountTmpfs } from '#test/support/mounts.ts';
import { needs } from '#test/support/needs.ts';
import { ACCESS_KEY, type S3Server, SECRET_KEY, startS3 } from '#test/support/s3/server.ts';
import { startSshd, type TestSshd } from '#test/support/sshd.ts';

const CONFIG = `version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations:
  ssh: { type: sftp, host: 127.0.0.1, port: <PORT>, username: <USER>, path: DIR/ssh, host_key: "<KEY>", private_key_file: DIR/key }
  bucket:
    type: s3
    endpoint: https://127.0.0.1:<STORE>
    bucket: bucket
    access_key_id: ${ACCESS_KEY}
    secret_access_key: ${SECRET_KEY}
    ca_file: <CA>
  cloud: { type: rclone, remote: "disk:", config_file: DIR/rclone.conf }
  share: { type: nfs, path: DIR/share, fs_types: [tmpfs] }
  vault: { type: restic, repository: DIR/vault, password: open-sesame }
services:
  - name: notes
    type: generic
    backup:
      paths: [DIR/data]
      destinations: [ssh, bucket, cloud, share, vault]
      retention: { keep_last: 1 }
`;

const PLACES = ['ssh', 'bucket', 'cloud', 'share', 'vault'];

interface Lab extends AsyncDisposable {
  homelab: TestHomelab;
  id: string;
}

/** After the backups neither the state file nor Redis are left, and nothing of ours runs. */
async function backUpAndLoseAll(context: Pick<TestContext, 'skip'>): Promise<Lab> {
  needs(context, 'sshd', 'rclone', 'openssl', 'restic');
  await using stack = new AsyncDisposableStack();
  const sshd: TestSshd = stack.use(await startSshd());
  const store: S3Server = stack.use(await startS3('bucket'));
  const { port, username, hostKey } = sshd;
  const known = { PORT: port, USER: username, KEY: hostKey, STORE: store.port, CA: store.certificates.ca };
  const config = Object.entries(known).reduce((text, [name, value]) => text.replace(`<${name}>`, `${value}`), CONFIG);
  const homelab = stack.use(await startHomelab(config));
  const { dir } = homelab;
  for (const name of ['ssh', 'cloud']) await mkdir(join(dir, name));
  await symlink(join(store.directory, 'bucket'), join(dir, 'bucket'));
  const share: Mount = stack.use(await mountTmpfs(context, join(dir, 'share'), '32m'));
  await writeFile(join(share.path, '.homelab-autopilot'), '');
  await homelab.write('rclone.conf', `[disk]\ntype = alias\nremote = ${join(dir, 'cloud')}\n`);
  const env = { PATH: process.env['PATH'], RESTIC_PASSWORD: 'open-sesame' };
  execFileSync('restic', ['init', '--no-cache', '-r', join(dir, 'vault')], { env });
  await homelab.write('data/a.txt', 'one');
  await homelab.write('data/deep/b.bin', 'two'.repeat(10_000));
  await chmod(await homelab.write('key', sshd.privateKey), 0o600);
  const up = await homelab.start(['up', '--port', '0']);
  await homelab.backup('notes');
  const run = await homelab.backup('notes');
  await up.stop();
  expect(run).toMatchObject({ status: 'succeeded' });
  const proofs = run.steps.map(({ summary }) => summary).filter((summary) => summary?.includes('read back, checksums'));
  expect(proofs).toHaveLength(PLACES.length);
  await rm(join(dir, 'state'), { recursive: true });
  const [id = ''] = (await readdir(join(dir, 'ssh/notes'))).toSorted();
  const kept = stack.move();
  return { homelab, id, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

test('with all lost but one copy, restore points are listed, verified, pinned and restored from it', async (context) => {
  await using lab = await backUpAndLoseAll(context);
  const { homelab, id } = lab;

  for (const place of PLACES) {
    const at = ['--destination', place, '--json'];
    const target = join(homelab.dir, `restored-${place}`);
    await mkdir(target);

    const listed = await homelab.cli(['backups', 'notes', ...at]);
    const verified = await homelab.cli(['backups', 'verify', id, ...at]);
    const pinned = await homelab.cli(['backups', 'pin', id, ...at]);
    const restored = await homelab.cli(['backups', 'restore', id, '--to', target, ...at]);

    // Retention has kept the newer of two.
    const there: unknown = JSON.parse(listed.stdout);
    expect(there).toHaveProperty('restorePoints.length', 1);
    expect(there).toMatchObject({
      restorePoints: [{ id, copies: [{ destination: place, status: 'verified' }] }],
    });
    expect(verified).toMatchObject({ status: 0, stdout: expect.stringContaining('entries read back, all match') });
    expect(pinned).toMatchObject({ status: 0 });
    expect((await homelab.cli(['backups', 'notes', ...at])).stdout).toContain('"pinned": true');
    expect(restored).toMatchObject({ status: 0 });
    expect(await readFile(join(target, homelab.dir, 'data/a.txt'), 'utf8')).toBe('one');
    // What was fetched for it is gone.
    expect(await readdir(join(homelab.dir, 'state/backups/fetched'))).toEqual([]);
  }
}, 600_000);
