/** Servers that speak SFTP, with a bed whose destination `nas` is one of them. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { plugin as sftp } from '#plugins/destinations/sftp/index.ts';
import { openBed } from '#test/archive/bed.ts';
import type { Place } from '#test/plugins/destinations/promises.ts';
import { needs } from '#test/support/needs.ts';
import { freePort } from '#test/support/redis.ts';
import { startSshd, type TestSshd } from '#test/support/sshd.ts';
import { eventually } from '#test/support/wait.ts';

export const secretRef = (path: string): JsonObject => ({ $secret: { path, source: { from: 'configuration' } } });

export interface SshPlace extends Place {
  sshd: TestSshd;
  config: JsonObject;
}

/** OpenSSH, with the key of its user. */
export async function openServer(context: Pick<TestContext, 'skip'>): Promise<SshPlace> {
  needs(context, 'sshd', 'ssh-keygen');
  const sshd = await startSshd();
  const bed = await openBed({ plugins: [sftp], secrets: { key: sshd.privateKey } });
  const root = join(bed.folder, 'server');
  await mkdir(root);
  const { port, username, hostKey } = sshd;
  const config = { host: '127.0.0.1', port, username, path: root, host_key: hostKey, private_key: secretRef('key') };
  bed.addDestination('nas', config, 'sftp');
  return {
    bed,
    root,
    sshd,
    config,
    async [Symbol.asyncDispose]() {
      await bed[Symbol.asyncDispose]();
      await sshd[Symbol.asyncDispose]();
    },
  };
}

/** Another server than OpenSSH, without its extensions, and with a password. */
export async function openPlainServer(context: Pick<TestContext, 'skip'>): Promise<Place> {
  needs(context, 'rclone', 'ssh-keygen');
  const bed = await openBed({ plugins: [sftp], secrets: { password: 'correct horse' } });
  const root = join(bed.folder, 'server');
  await mkdir(root);
  const keyFile = join(bed.folder, 'host');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', keyFile]);
  const port = await freePort();
  const words = ['serve', 'sftp', root, '--addr', `127.0.0.1:${port}`, '--key', keyFile, '--config', '/dev/null'];
  const login = ['--user', 'backup', '--pass', 'correct horse', '--dir-cache-time', '0s', '--vfs-cache-mode', 'writes'];
  const cache = ['--cache-dir', join(bed.folder, 'cache'), '--vfs-write-back', '0s'];
  const server = spawn('rclone', [...words, ...login, ...cache], { stdio: 'ignore' });
  const hostKey = await readFile(`${keyFile}.pub`, 'utf8');
  const config = { host: '127.0.0.1', port, username: 'backup', path: '/', host_key: hostKey };
  bed.addDestination('nas', { ...config, password: secretRef('password') }, 'sftp');
  await eventually('the server answers', () =>
    bed.destination('nas', 'list', {}).then(
      () => true,
      () => false,
    ),
  );
  return {
    bed,
    root,
    async [Symbol.asyncDispose]() {
      server.kill('SIGTERM');
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
      await bed[Symbol.asyncDispose]();
    },
  };
}
