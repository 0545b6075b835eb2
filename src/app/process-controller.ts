/** The controller process: the controller and its web pages. */
import { queuePage } from '#api/queue-page.ts';
import { startWebServer } from '#api/server.ts';
import { startController } from '#app/controller.ts';
import type { ProcessContext } from '#app/process.ts';
import { ENV, runProcess } from '#app/process.ts';
import { redisAddress } from '#app/redis-address.ts';
import { createSecretResolver } from '#app/secrets.ts';

export async function runController(): Promise<void> {
  await runProcess('controller', start);
}

async function start({ settings, log }: ProcessContext): Promise<AsyncDisposable & { url: string | null }> {
  for (const { file, message } of settings.problems) log.warn('a plugin was left out', { file, reason: message });
  const address = await redisAddress(settings.config, createSecretResolver(settings.config));
  await using stack = new AsyncDisposableStack();
  const { transport } = stack.use(await startController(settings, address, log));
  const port = process.env[ENV.port] ?? '';
  let url: string | null = null;
  if (port !== '') {
    const web = await startWebServer({
      port: Number(port),
      queues: queuePage(transport.queues(), '/queues'),
      trouble: async () => ((await transport.answers()) ? null : 'Redis does not answer'),
    });
    ({ url } = stack.use(web));
  }
  const owned = stack.move();
  return { url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
