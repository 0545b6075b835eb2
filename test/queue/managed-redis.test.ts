/** The private Redis: reachable by its owner alone, keeps what it was told, evicts nothing. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { reachRedis } from '#queue/connection.ts';
import { managedSocket, startManagedRedis } from '#queue/managed-redis.ts';
import { judgeRedis } from '#queue/suitability.ts';
import { startRedis } from '#test/support/redis.ts';
import { tempDir } from '#test/support/tmp.ts';

test('it is fit for a queue, and listens on a socket that only its owner can use', async () => {
  await using dir = await tempDir();
  await using server = await startManagedRedis(dir.path);

  const redis = await reachRedis({ socket: managedSocket(dir.path) });
  const { warnings, persistence } = await judgeRedis(redis);
  redis.disconnect();

  expect(server.version).toMatch(/^\d/);
  expect({ warnings, persistence }).toEqual({ warnings: [], persistence: 'aof' });
  expect((await stat(join(dir.path, 'redis'))).mode & 0o777).toBe(0o700);
});

test('what it was told survives its sudden death', async () => {
  await using dir = await tempDir();
  const socket = managedSocket(dir.path);
  await using first = await startManagedRedis(dir.path);
  const before = await reachRedis({ socket });
  await before.set('word', 'kept');
  first.child.kill('SIGKILL');
  before.disconnect();

  await using _second = await startManagedRedis(dir.path);
  const after = await reachRedis({ socket });

  expect(await after.get('word')).toBe('kept');
  after.disconnect();
});

test('a server that a killed supervisor left behind is taken over, not joined by a second one', async () => {
  await using dir = await tempDir();
  await using orphan = await startManagedRedis(dir.path);

  await using next = await startManagedRedis(dir.path);

  expect(orphan.child.exitCode ?? orphan.child.signalCode).not.toBeNull();
  expect(next.child.pid).not.toBe(orphan.child.pid);
});

test('a deep state directory still gets a socket', async () => {
  await using dir = await tempDir();
  const deep = join(dir.path, 'a'.repeat(60), 'b'.repeat(60));
  await using _server = await startManagedRedis(deep);

  const redis = await reachRedis({ socket: managedSocket(deep) });

  expect(await redis.ping()).toBe('PONG');
  redis.disconnect();
});

test('a Redis that may evict jobs, or forgets them, is warned of', async () => {
  await using bad = await startRedis('--maxmemory-policy', 'allkeys-lru', '--appendonly', 'no');
  const redis = await reachRedis({ url: bad.url });

  const { warnings } = await judgeRedis(redis);
  redis.disconnect();

  expect(warnings.join('\n')).toMatch(/maxmemory-policy is allkeys-lru[\s\S]*appendonly yes/);
});

test('a Redis that is not there is named without its password', async () => {
  await expect(reachRedis({ url: 'redis://:hidden@127.0.0.1:1' })).rejects.toThrow(
    expect.objectContaining({
      code: 'HA_REDIS_UNREACHABLE',
      message: 'cannot reach Redis at 127.0.0.1:1 (connection refused)',
    }),
  );
});
