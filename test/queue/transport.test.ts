/** The queues as the engine uses them: what may be taken back, and what may not. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectRedis } from '#queue/connection.ts';
import { agreeWithController } from '#queue/presence.ts';
import type { QueueTransport } from '#queue/transport.ts';
import { createTransport } from '#queue/transport.ts';
import { planSteps } from '#sdk/plan.ts';
import { step } from '#test/support/plans.ts';
import type { TestRedis } from '#test/support/redis.ts';
import { startRedis } from '#test/support/redis.ts';

let server: TestRedis;
let redis: ReturnType<typeof connectRedis>;
let transport: QueueTransport;

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(server, 'worker');
  transport = createTransport(redis, () => ({ workflow: 'backup', service: 'notes' }));
});

afterAll(async () => {
  await transport[Symbol.asyncDispose]();
  redis.disconnect();
  await server[Symbol.asyncDispose]();
});

const [planned] = planSteps(step('capture', { undo: true }));
if (planned === undefined) throw new Error('a step is a step');

async function send(run: string, mayHaveRun: boolean): Promise<void> {
  if (planned === undefined) return;
  await transport.start(run);
  await transport.send({ run, service: 'notes', step: planned, role: 'forward', mayHaveRun });
}

test('a step that no worker can have begun is withdrawn by a cancel', async () => {
  await send('bcdfghjkmnpq', false);

  expect(await transport.cancel('bcdfghjkmnpq', [planned])).toEqual({ withdrawn: ['capture'] });
});

test('a step that was sent again is not withdrawn: an earlier worker may have done half of it, and it must be undone', async () => {
  await send('bcdfghjkmnpr', true);

  expect(await transport.cancel('bcdfghjkmnpr', [planned])).toEqual({ withdrawn: [] });
});

test('a step that is sent twice is there once', async () => {
  await send('bcdfghjkmnps', false);
  await send('bcdfghjkmnps', false);

  const { pending } = await transport.children('bcdfghjkmnps');

  expect([...pending]).toEqual(['capture']);
});

test('a worker that speaks another version than the controller refuses to start, and says what to do', async () => {
  await redis.set('autopilot:controller', '4711 999');

  const refusal = await agreeWithController(redis).catch((error: unknown) => error);
  await redis.del('autopilot:controller');

  expect(refusal).toMatchObject({ code: 'HA_CONFLICT', message: expect.stringContaining('protocol 999') });
  await expect(agreeWithController(redis)).resolves.toBeUndefined();
});
