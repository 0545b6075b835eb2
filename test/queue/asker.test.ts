/** Asking the controller must come to an end, whatever becomes of Redis meanwhile. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pause } from '#kernel/wait.ts';
import type { Redis } from '#queue/connection.ts';
import { connectRedis, reachRedis } from '#queue/connection.ts';
import { bePresent } from '#queue/presence.ts';
import { answerRequests, openAsker } from '#queue/requests.ts';
import { openProxy } from '#test/chaos/proxy.ts';
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

test('a connection that breaks at any instant of a question is an answer of its own, and nothing worse', async () => {
  await using server = await startRedis();
  using controller = closing(connectRedis(server, 'worker'));
  await bePresent(controller.redis);
  await using _answers = await answerRequests(controller.redis, async () => 'yes');
  await using proxy = await openProxy(Number(new URL(server.url).port));
  const heard: unknown[] = [];

  for (let pieces = 1; pieces <= 40; pieces++) {
    proxy.cutAfter(Number.POSITIVE_INFINITY);
    using near = closing(await reachRedis({ url: `redis://127.0.0.1:${proxy.port}` }));
    proxy.cutAfter(pieces);
    const answer = await askOnce(near.redis).catch((error: unknown) => error);
    heard.push(answer === 'yes' ? answer : (answer as { code: string }).code);
  }

  // What is left unheard would end the process: the test run fails then.
  expect(new Set(heard)).toEqual(new Set(['HA_REDIS_UNREACHABLE', 'yes']));
}, 120_000);

async function askOnce(redis: Redis): Promise<unknown> {
  await using asker = await openAsker(redis);
  return await asker.ask({ method: 'runs', parameters: {} });
}

function closing(redis: Redis): { redis: Redis } & Disposable {
  return { redis, [Symbol.dispose]: () => redis.disconnect() };
}
