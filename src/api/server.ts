/** The web pages of the controller, on loopback: the queues, and whether it is alive. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Router } from 'express';
import express from 'express';
import { onlyLoopback } from '#api/loopback.ts';
import { AutopilotError } from '#kernel/errors.ts';

export interface WebServer extends AsyncDisposable {
  url: string;
}

export interface WebPorts {
  /** 0: any free port. */
  port: number;
  queues: Router;
  /** Null when all is well, otherwise why no work can be done now. */
  trouble(): Promise<string | null>;
}

/** @throws AutopilotError HA_CONFLICT when the port is taken. */
export async function startWebServer({ port, queues, trouble }: WebPorts): Promise<WebServer> {
  const app = express();
  app.disable('x-powered-by');
  app.use(onlyLoopback);
  app.get('/healthz', (_request, response) => void response.json({ status: 'ok' }));
  app.get('/readyz', async (_request, response) => {
    const reason = await trouble();
    response
      .status(reason === null ? 200 : 503)
      .json(reason === null ? { status: 'ready' } : { status: 'not ready', reason });
  });
  app.use('/queues', queues);
  app.get('/', (_request, response) => response.redirect('/queues'));
  const server = createServer(app);
  const address = await listen(server, port);
  return {
    url: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function listen(server: Server, port: number): Promise<AddressInfo> {
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new AutopilotError('HA_CONFLICT', `port ${port} on 127.0.0.1 cannot be used`, {
      cause,
      next: 'Another program may have it: choose one with  --port N , or go without with  --no-ui',
    });
  }
  return server.address() as AddressInfo;
}
