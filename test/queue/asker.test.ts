/** Asking the controller must come to an end, whatever becomes of Redis meanwhile. */
import { expect, test } from 'vitest';
import { connectRedis, reachRedis } from '#queue/connection.ts';
import { bePresent } from '#queue/presence.ts';
import { openAsker } from '#queue/requests.ts';
import { startRedis } from '#test/support/redis.ts';
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
