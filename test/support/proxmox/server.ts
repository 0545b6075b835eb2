/** A fake Proxmox VE on loopback, by HTTPS: what it is asked and what it answers is held to the API's description. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Certificates } from '#test/support/certificates.ts';
import type { Backend } from './backend.ts';
import { Refused } from './calls.ts';
import { Cluster } from './cluster.ts';
import { methods } from './methods.ts';
import { openPublished } from './published.ts';
import { answer } from './routes.ts';

export const TOKEN = 'hlap@pve!autopilot=0f2b4c6d-1111-4222-8333-444455556666';

export interface FakeProxmox extends AsyncDisposable {
  url: string;
  cluster: Cluster;
  /** Path → rights on it and on what is below. */
  rights: Map<string, string[]>;
  /** Why no token is accepted any more: one that has expired, say. */
  refusal?: string;
  /** Every request that arrived: `GET /version`. */
  asked: string[];
  /** What was not as the description says; a test ends with this empty. */
  problems: string[];
  /** Shows another certificate from now on. */
  present(certificates: Certificates): Promise<void>;
}

export interface Below {
  /** A directory for the storages of the cluster. */
  root: string;
  certificates: Certificates;
  backend: Backend;
}

export async function startProxmox({ root, certificates, backend }: Below): Promise<FakeProxmox> {
  const pair = async ({ key, certificate }: Certificates) => ({
    key: await readFile(key),
    cert: await readFile(certificate),
  });
  const server: Server = createServer(await pair(certificates));
  const published = openPublished();
  const fake: FakeProxmox = {
    url: '',
    cluster: new Cluster(root, backend),
    rights: new Map([['/', ALL]]),
    asked: [],
    problems: [],
    present: async (next: Certificates) => server.setSecureContext(await pair(next)),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await fake.cluster.idle();
    },
  };
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    respond(fake, { request, response, published }).catch((error: unknown) => {
      fake.problems.push(String(error));
      response.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  fake.url = `https://127.0.0.1:${address.port}`;
  return fake;
}

const ALL = [
  'VM.Audit',
  'VM.PowerMgmt',
  'VM.Snapshot',
  'VM.Snapshot.Rollback',
  'VM.Backup',
  'VM.Allocate',
  'VM.Config.Disk',
  'VM.Config.Network',
  'VM.Config.Options',
  'VM.GuestAgent.Audit',
  'SDN.Use',
  'Datastore.Audit',
  'Datastore.AllocateSpace',
  'Sys.Audit',
];

interface Turn {
  request: IncomingMessage;
  response: ServerResponse;
  published: ReturnType<typeof openPublished>;
}

async function respond(fake: FakeProxmox, { request, response, published }: Turn): Promise<void> {
  const url = new URL(request.url ?? '', fake.url);
  const path = url.pathname.replace(/^\/api2\/json/, '');
  const asked = `${request.method} ${decodeURIComponent(path)}`;
  fake.asked.push(asked);
  const body = await text(request);
  const known = request.headers.authorization === `PVEAPIToken=${TOKEN}`;
  if (!known || fake.refusal !== undefined)
    return refuse(response, new Refused(401, fake.refusal ?? 'No ticket'), false);
  const { cluster } = fake;
  if (cluster.fault(asked, 'request lost') !== undefined) return void request.socket.destroy();
  const inBody = request.method === 'POST' || request.method === 'PUT';
  const params = Object.fromEntries(inBody ? new URLSearchParams(body) : url.searchParams);
  const bare = cluster.fault(asked, 'reason phrase only') !== undefined;
  try {
    const { template, variables, data } = await answer(fake, { asked, method: request.method ?? '', path, params });
    const returned = methods[template.replace(/\/(?:lxc|qemu)\/\{vmid\}/, '/{type}/{vmid}')]?.returns.safeParse(data);
    if (returned?.success !== true) fake.problems.push(`${template} answered ${JSON.stringify(data)}`);
    fake.problems.push(...(published?.({ method: template, params: { ...variables, ...params }, data }) ?? []));
    if (cluster.fault(asked, 'reply lost after the act') !== undefined) return void request.socket.destroy();
    if (cluster.fault(asked, '596 after the act') !== undefined)
      return refuse(response, new Refused(596, 'Broken pipe'), true);
    if (cluster.fault(asked, 'answer without end') !== undefined) return await pourInto(response);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refuse(response, error, bare);
  }
}

/** An answer of a gigabyte, for as long as somebody listens. */
async function pourInto(response: ServerResponse): Promise<void> {
  const much = Buffer.alloc(1 << 20, ' ');
  const parts = function* () {
    for (let left = 1024; left > 0; left -= 1) yield much;
  };
  await pipeline(Readable.from(parts()), response).catch(() => undefined);
}

/** @param bare as nodes before 2025 do: the reason is in the status line alone. */
function refuse(response: ServerResponse, { status, message, errors }: Refused, bare: boolean): void {
  const told =
    status === 401
      ? ''
      : JSON.stringify({ data: null, ...(errors === undefined ? {} : { errors }), message: `${message}\n` });
  response.writeHead(status, message.replaceAll(/\s+/g, ' '), { 'content-type': 'application/json' });
  response.end(bare && status !== 401 ? '{"data":null}' : told);
}
