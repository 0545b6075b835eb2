/** The Redis of docker-compose.yml, started by its own words, here without the container around it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { needs } from '#test/support/needs.ts';
import { freePort } from '#test/support/redis.ts';
import { root } from '#test/support/sources.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

const Compose = z.object({
  services: z.object({
    redis: z.object({
      entrypoint: z.array(z.string()),
      command: z.array(z.string()),
      ports: z.array(z.string()),
      secrets: z.array(z.string()),
    }),
  }),
});

const { redis } = Compose.parse(parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'))).services;

test('the Redis of the compose file is reached from this machine alone', () => {
  expect(redis.ports).toEqual(['127.0.0.1:6379:6379']);
});

test('the Redis of the compose file keeps what it is given, evicts nothing, and wants the password', async (context) => {
  needs(context, 'redis-server');
  await using dir = await tempDir();
  const port = await freePort();
  await writeFile(join(dir.path, 'password'), 'correct-horse\n');
  await writeFile(join(dir.path, 'docker-entrypoint.sh'), '#!/bin/sh\nexec "$@"\n');
  await chmod(join(dir.path, 'docker-entrypoint.sh'), 0o755);

  const [program = '', ...words] = [...redis.entrypoint, ...redis.command].map((word) => here(word, dir.path));
  const local = ['--bind', '127.0.0.1', '--port', String(port)];
  const env = { PATH: `${dir.path}:${process.env['PATH']}:/usr/sbin`, TMPDIR: dir.path };
  const server = spawn(program, [...words, ...local], { cwd: dir.path, env, stdio: 'ignore' });
  const ended = once(server, 'exit');
  try {
    const settings = await eventually('Redis answers', async () => await settingsOf(port, 'correct-horse'));
    const withoutPassword = await settingsOf(port, 'wrong');

    expect(settings).toMatchObject({ appendonly: 'yes', 'maxmemory-policy': 'noeviction', dir: dir.path });
    expect(withoutPassword).toBeUndefined();
  } finally {
    server.kill('SIGTERM');
    await ended;
  }
});

/** Compose writes `$$` for `$`; inside the container the secret and the data have paths of their own. */
function here(word: string, directory: string): string {
  const text = word.replaceAll('$$', '$').replaceAll('/run/secrets/redis_password', join(directory, 'password'));
  return text === '/data' ? directory : text;
}

async function settingsOf(port: number, password: string): Promise<Record<string, string> | undefined> {
  const client = new Redis({ port, host: '127.0.0.1', password, lazyConnect: true, retryStrategy: null });
  client.on('error', () => undefined); // What matters is said by the refused command below.
  try {
    await client.connect();
    const pairs = z.array(z.string()).parse(await client.config('GET', 'appendonly', 'maxmemory-policy', 'dir'));
    return Object.fromEntries(pairs.flatMap((name, at) => (at % 2 === 0 ? [[name, pairs[at + 1] ?? '']] : [])));
  } catch {
    return undefined;
  } finally {
    client.disconnect();
  }
}
