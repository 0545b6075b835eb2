/** A line by HTTPS to the simulator of vSphere that can be broken, and that gives each machine a disk with content. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Certificates } from '#test/support/certificates.ts';
import { type Client, faultEnvelope, openClient, posted, refIn } from './client.ts';

export interface Trouble {
  /** The method that it happens to, as a whole word. */
  on: string;
  what: 'request lost' | 'reply lost after the act' | 'unavailable' | { fault: string; detail?: string };
}

export interface Edit {
  on: string;
  from: RegExp;
  to: string;
  /** How many answers are edited. Default: every one. */
  times?: number;
}

export interface VsphereProxy extends AsyncDisposable {
  url: string;
  /** Each happens once, to the next call of its method. */
  troubles: Trouble[];
  /** What the answers of the simulator are changed to. */
  edits: Edit[];
  /** The methods that were called. */
  asked: string[];
  /** Everything that was received. */
  bodies: string[];
  /** The content of the disk of all machines: what a snapshot keeps, and going back brings back. */
  disk: string;
  /** Whether lists of objects come one object to a page, as a server may do with long ones. */
  paged: boolean;
  /** To the simulator itself. */
  client: Client;
  /** Shows another certificate from now on. */
  present(certificates: Certificates): Promise<void>;
}

export async function startVsphereProxy(simulator: string, certificates: Certificates): Promise<VsphereProxy> {
  const pair = async ({ key, certificate }: Certificates) => ({
    key: await readFile(key),
    cert: await readFile(certificate),
  });
  const server = createServer(await pair(certificates));
  const kept = new Map<string, string>();
  const rest: string[] = [];
  const proxy: VsphereProxy = {
    url: '',
    troubles: [],
    // The simulator leaves this as it was in its language, and snapshots all the same.
    edits: [
      {
        on: 'RetrievePropertiesEx',
        from: /(<name>capability.snapshotOperationsSupported<\/name><val[^>]*>)false/,
        to: '$1true',
      },
    ],
    asked: [],
    bodies: [],
    disk: '',
    paged: false,
    client: await openClient(simulator),
    present: async (next) => server.setSecureContext(await pair(next)),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  server.on('request', (asked: IncomingMessage, answer: ServerResponse) => {
    respond({ proxy, simulator, kept, rest }, asked, answer).catch(() => answer.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return proxy;
}

interface Scene {
  proxy: VsphereProxy;
  simulator: string;
  /** Snapshot → the content of the disk when it was made. */
  kept: Map<string, string>;
  /** What stands on the pages that were not asked for yet. */
  rest: string[];
}

async function respond(scene: Scene, asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  const { proxy } = scene;
  const body = await text(asked);
  const method = /<soapenv:Body><(\w+)/.exec(body)?.[1] ?? '';
  proxy.bodies.push(body);
  proxy.asked.push(method);
  const at = proxy.troubles.findIndex(({ on }) => on === method);
  const what = at < 0 ? undefined : proxy.troubles.splice(at, 1)[0]?.what;
  if (what === 'request lost') return void asked.socket.destroy();
  if (what === 'unavailable') return void answer.writeHead(503).end('Service Unavailable');
  if (typeof what === 'object') return void answer.writeHead(500).end(faultEnvelope(what.fault, what.detail));
  if (method === 'ContinueRetrievePropertiesEx') return void answer.writeHead(200).end(scene.rest.shift());
  const before = proxy.disk;
  const { cookie } = asked.headers;
  const reply = await posted(scene.simulator, body, cookie === undefined ? {} : { cookie });
  if (reply.status === 200 && method.endsWith('Snapshot_Task'))
    await follow(scene, { method, body, before, reply: reply.text });
  if (what === 'reply lost after the act') return void asked.socket.destroy();
  const { 'content-length': _, 'transfer-encoding': __, ...headers } = reply.headers;
  const pages = pagesOf(proxy, edited(proxy, method, reply.text));
  scene.rest.splice(0, Infinity, ...pages.slice(1));
  answer.writeHead(reply.status, headers).end(pages[0]);
}

function pagesOf({ paged }: VsphereProxy, whole: string): string[] {
  const objects = whole.match(/<objects>.*?<\/objects>/gs) ?? [];
  if (!paged || objects.length < 2) return [whole];
  const [head, tail] = [whole.slice(0, whole.indexOf('<objects>')), whole.slice(whole.lastIndexOf('</objects>') + 10)];
  return objects.map((object, at) => {
    const token = at === objects.length - 1 ? '' : `<token>page-${at + 1}</token>`;
    const page = `${head}${token}${object}${tail}`;
    return at === 0 ? page : page.replaceAll('RetrievePropertiesExResponse', 'ContinueRetrievePropertiesExResponse');
  });
}

function edited({ edits }: VsphereProxy, method: string, whole: string): string {
  let result = whole;
  for (const edit of edits) {
    if (edit.on !== method || edit.times === 0 || !edit.from.test(result)) continue;
    result = result.replaceAll(new RegExp(edit.from.source, 'g'), edit.to);
    if (edit.times !== undefined) edit.times -= 1;
  }
  return result;
}

interface Passed {
  method: string;
  body: string;
  before: string;
  reply: string;
}

/** The disk follows what the simulator really did, whoever looks at it. */
async function follow({ proxy, kept }: Scene, { method, body, before, reply }: Passed): Promise<void> {
  const info = await proxy.client.ended(refIn(reply, 'returnval').id);
  if (!/<state[^>]*>success</.test(info)) return;
  if (method === 'CreateSnapshot_Task') kept.set(refIn(info, 'result').id, before);
  if (method === 'RevertToSnapshot_Task') proxy.disk = kept.get(refIn(body, '_this').id) ?? '';
}
