/** Repositories of restic, with a bed whose destination `nas` is one of them. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import { z } from 'zod';
import type { JsonObject } from '#kernel/json.ts';
import { plugin as restic } from '#plugins/destinations/restic/index.ts';
import { type Bed, openBed } from '#test/archive/bed.ts';
import type { Place } from '#test/plugins/destinations/promises.ts';
import { secretRef } from '#test/plugins/destinations/ssh-places.ts';
import { needs } from '#test/support/needs.ts';
import { freePort } from '#test/support/redis.ts';
import { ACCESS_KEY, SECRET_KEY, startS3 } from '#test/support/s3/server.ts';
import { startSshd, type TestSshd } from '#test/support/sshd.ts';
import { eventually } from '#test/support/wait.ts';

const run = promisify(execFile);

export interface ResticPlace extends Place {
  config: JsonObject;
  password: string;
  /** With which somebody else works on the same repository. */
  environment: NodeJS.ProcessEnv;
  /** Runs it as somebody else. */
  restic(...words: string[]): Promise<string>;
  snapshots(): Promise<Snapshot[]>;
  parts(): Promise<string[]>;
}

const Snapshot = z.object({ id: z.string(), tags: z.array(z.string()).nullish() });
type Snapshot = z.output<typeof Snapshot>;

type Context = Pick<TestContext, 'skip'>;

const PASSWORD = 'open-sesame-of-the-test';

export async function resticBed(more: Record<string, string> = {}): Promise<Bed> {
  const secrets = { password: PASSWORD, wrong: 'wrong', login: 'let me/in', key: SECRET_KEY, ...more };
  return await openBed({ plugins: [restic], secrets });
}

/** A directory of this machine. */
export async function openLocal(context: Context, more: JsonObject = {}): Promise<ResticPlace> {
  needs(context, 'restic');
  const bed = await resticBed();
  return await withRepository(bed, join(bed.folder, 'repository'), { more });
}

/** @param login how somebody else gets there. */
async function withRepository(
  bed: Bed,
  root: string,
  { more = {}, login = {} }: { more?: JsonObject; login?: Record<string, string> } = {},
): Promise<ResticPlace> {
  const environment = {
    PATH: process.env['PATH'],
    RESTIC_PASSWORD: PASSWORD,
    RESTIC_REPOSITORY: root,
    RESTIC_CACHE_DIR: join(bed.folder, 'cache'),
    ...login,
  };
  const command = async (...words: string[]) => (await run('restic', words, { env: environment })).stdout;
  await command('init');
  const config = { repository: root, password: secretRef('password') };
  bed.addDestination('nas', { ...config, ...more }, 'restic');
  const snapshots = async () => {
    const all = z.array(Snapshot).nullable();
    return all.parse(JSON.parse(await command('snapshots', '--json'))) ?? [];
  };
  return {
    bed,
    root,
    config,
    environment,
    password: PASSWORD,
    restic: command,
    snapshots,
    async parts() {
      const sets = (await snapshots()).filter(({ tags }) => tags?.includes('homelab-autopilot'));
      const lists = sets.map(async ({ id, tags }) => {
        const named = (name: string) => tags?.find((tag) => tag.startsWith(`${name}:`))?.slice(name.length + 1);
        const lines = (await command('ls', id)).split('\n').filter((line) => line.startsWith('/'));
        return lines.map((path) => `${named('service')}/${named('set')}${path}`);
      });
      return (await Promise.all(lists)).flat();
    },
    [Symbol.asyncDispose]: () => bed[Symbol.asyncDispose](),
  };
}

export interface RestPlace extends ResticPlace {
  kill(): Promise<void>;
}

/** The same directory behind a server that speaks restic’s REST protocol, with a login. */
export async function openRest(context: Context, words: string[] = []): Promise<RestPlace> {
  needs(context, 'rclone');
  const place = await openLocal(context);
  const port = await freePort();
  const login = ['--user', 'backup', '--pass', 'let me/in'];
  const serve = ['serve', 'restic', place.root, '--addr', `127.0.0.1:${port}`, '--config', '/dev/null'];
  const server = spawn('rclone', [...serve, ...login, ...words], { stdio: 'ignore' });
  const kill = async () => {
    server.kill('SIGTERM');
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
  };
  const repository = `rest:http://127.0.0.1:${port}/`;
  const config = { ...place.config, repository, rest_user: 'backup', rest_password: secretRef('login') };
  place.bed.addDestination('nas', config, 'restic');
  await eventually('the server answers', () =>
    fetch(repository.slice('rest:'.length)).then(
      () => true,
      () => false,
    ),
  );
  return {
    ...place,
    config,
    kill,
    async [Symbol.asyncDispose]() {
      await kill();
      await place[Symbol.asyncDispose]();
    },
  };
}

export interface SftpPlace extends ResticPlace {
  sshd: TestSshd;
}

/** The same directory on a machine with OpenSSH. */
export async function openSftp(context: Context): Promise<SftpPlace> {
  needs(context, 'restic', 'sshd', 'ssh-keygen');
  const sshd = await startSshd();
  const bed = await resticBed({ private: sshd.privateKey });
  const place = await withRepository(bed, join(bed.folder, 'repository'));
  const { port, username, hostKey: host_key } = sshd;
  const repository = `sftp:${username}@127.0.0.1:${place.root}`;
  const config = { ...place.config, repository, port, host_key, private_key: secretRef('private') };
  bed.addDestination('nas', config, 'restic');
  return {
    ...place,
    sshd,
    config,
    async [Symbol.asyncDispose]() {
      await place[Symbol.asyncDispose]();
      await sshd[Symbol.asyncDispose]();
    },
  };
}

/** A bucket of a real S3 server, over TLS. */
export async function openBucket(context: Context): Promise<ResticPlace> {
  needs(context, 'restic', 'openssl');
  const server = await startS3();
  const bed = await resticBed();
  const { ca } = server.certificates;
  // What somebody else has for it, the authority included: there is no variable of restic for that.
  const login = { AWS_ACCESS_KEY_ID: ACCESS_KEY, AWS_SECRET_ACCESS_KEY: SECRET_KEY, SSL_CERT_FILE: ca };
  const keys = { access_key_id: ACCESS_KEY, secret_access_key: secretRef('key'), ca_file: ca };
  const repository = `s3:https://127.0.0.1:${server.port}/${server.bucket}/home`;
  const place = await withRepository(bed, repository, { more: keys, login });
  return {
    ...place,
    config: { ...place.config, ...keys },
    async [Symbol.asyncDispose]() {
      await place[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The directory as a remote of rclone. */
export async function openRemote(context: Context): Promise<ResticPlace> {
  needs(context, 'rclone');
  const place = await openLocal(context);
  const file = join(place.bed.folder, 'rclone.conf');
  await writeFile(file, `[disk]\ntype = alias\nremote = ${place.bed.folder}\n`);
  const config = { ...place.config, repository: 'rclone:disk:repository', rclone_config: file };
  place.bed.addDestination('nas', config, 'restic');
  return { ...place, config };
}

export async function bytesBelow(root: string): Promise<number> {
  await mkdir(root, { recursive: true });
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
