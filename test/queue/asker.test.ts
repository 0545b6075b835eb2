/** Asking the controller must come to an end, whatever becomes of Redis meanwhile. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pause } from '#kernel/wait.ts';
import { connectRedis, reachRedis } from '#queue/connection.ts';
import { bePresent } from '#queue/presence.ts';
import { openAsker } from '#queue/requests.ts';
import { startRedis } from '#test/support/redis.ts';
import { root } from '#test/support/sources.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

test('an asker whose Redis dies says so at once, and can be closed', async () => {
  const server = await startRedis();
  const redis = await reachRedis(server);
  const controller = connectRedis(server, 'worker');
  await bePresent(controller);
  const asker = await openAsker(redis);

  const answer = asker.ask({ method: 'runs', parameters: {} }).catch((error: unknown) => error);
  await eventually('the request is sent', async () => (await controller.llen('autopilot:requests:wait')) === 1);
  controller.disconnect();
  await server[Symbol.asyncDispose]();

  expect(await answer).toMatchObject({ code: 'HA_REDIS_UNREACHABLE' });
  await asker[Symbol.asyncDispose]();
  redis.disconnect();
}, 60_000);

test('an asker whose Redis died leaves nothing behind that would keep its process alive', async () => {
  await using dir = await tempDir();
  const script = join(root, 'test', 'fixtures', 'asker.ts');
  const child = spawn(process.execPath, [script, 'redis-server', join(dir.path, 'redis.sock')], { stdio: 'inherit' });
  const ended = once(child, 'exit');

  const status = await Promise.race([ended.then(([code]: unknown[]) => code), pause(20_000).then(() => 'goes on')]);
  child.kill('SIGKILL');
  await ended;

  expect(status).toBe(0);
}, 60_000);
