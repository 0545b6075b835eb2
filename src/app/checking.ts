/** What makes a worker watch its host: checks that the controller wants, and answers for who asks now. */
import { startCheckRunner } from '#app/check-runner.ts';
import type { SecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import { SILENT_VOICE } from '#app/voice.ts';
import { createChecker } from '#host/checker.ts';
import { Processes } from '#host/exec.ts';
import { createMasker } from '#host/mask.ts';
import { errorText } from '#kernel/errors.ts';
import { hearOrders } from '#queue/checks.ts';
import type { Redis, RedisAddress } from '#queue/connection.ts';
import { connectRedis } from '#queue/connection.ts';
import { sendFindings } from '#queue/findings.ts';
import type { Log } from '#sdk/tools.ts';

export interface CheckingPorts {
  settings: Settings;
  host: string;
  secrets: SecretResolver;
  redis: Redis;
  address: RedisAddress;
  log: Log;
}

/** How often the orders are read again (milliseconds), should a word of them have been lost. */
const LOOK_MS = 15_000;

export async function startChecking(ports: CheckingPorts): Promise<AsyncDisposable> {
  const { settings, host, secrets, redis, address, log } = ports;
  const { config, catalog } = settings;
  await using stack = new AsyncDisposableStack();
  const processes = stack.use(new Processes({ priority: config.global.priority }));
  const { stateDir } = config.global;
  const masker = createMasker();
  const hostPorts = { catalog, processes, masker, host, stateDir, now: () => new Date(), secret: secrets };
  const checker = createChecker(hostPorts, SILENT_VOICE);
  const stopping = stack.adopt(new AbortController(), (controller) => controller.abort());
  const runner = stack.use(
    startCheckRunner({
      check: checker,
      async send(findings) {
        // What waited inside for Redis would be older than it says.
        if (redis.status !== 'ready') throw new Error('Redis is away');
        await sendFindings(redis, findings);
      },
    }),
  );
  const orders = await hearOrders(
    { redis, subscriber: connectRedis(address, 'worker'), host },
    {
      wanted(checks) {
        log.info('checks', { count: checks.length });
        runner.take(checks);
      },
      asked: async (checks) => (await Promise.all(checks.map((check) => checker(check, stopping.signal)))).flat(),
    },
  );
  stack.use(orders);
  const timer = setInterval(() => {
    orders.look().catch((error: unknown) => log.warn('the checks could not be read', { error: errorText(error) }));
  }, LOOK_MS);
  stack.defer(() => clearInterval(timer));
  const owned = stack.move();
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
