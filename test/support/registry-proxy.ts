/** A line to a registry that can be broken: refuses, limits, or is cut or stands still in the middle of a download. */
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Trouble = 'none' | 'unauthorized' | 'limited' | 'cut' | 'stalled';

export interface RegistryProxy extends AsyncDisposable {
  /** As it is written before the name of an image. */
  host: string;
  trouble: Trouble;
  /** How many downloads stand still by now. */
  stalled: number;
}

const STATUS: Partial<Record<Trouble, number>> = { unauthorized: 401, limited: 429 };

/** @param registry `127.0.0.1:PORT` of the real one. */
export async function startRegistryProxy(registry: string): Promise<RegistryProxy> {
  const [hostname = '', port = ''] = registry.split(':');
  const server = createServer((asked, answer) => {
    const status = STATUS[proxy.trouble];
    if (status !== undefined) return void answer.writeHead(status, { 'retry-after': '60' }).end();
    const onward = request({ hostname, port, path: asked.url, method: asked.method, headers: asked.headers });
    onward.on('error', () => answer.destroy());
    onward.on('response', (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      // The engine's downloads, and not the questions of whoever only wants to know what there is.
      const download = asked.url?.includes('/blobs/') === true && /^docker/i.test(asked.headers['user-agent'] ?? '');
      const { trouble } = proxy;
      if ((trouble !== 'cut' && trouble !== 'stalled') || !download) return void reply.pipe(answer);
      // The head has promised more than ever comes.
      reply.once('data', (chunk: Buffer) => {
        const half = () => (trouble === 'cut' ? answer.destroy() : (proxy.stalled += 1));
        answer.write(chunk.subarray(0, chunk.length / 2), half);
        reply.destroy();
      });
    });
    asked.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: own } = server.address() as AddressInfo;
  const proxy: RegistryProxy = {
    host: `127.0.0.1:${own}`,
    trouble: 'none',
    stalled: 0,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return proxy;
}
