/** Stands before `s3rver`: does what that leaves out (signatures, checksums, dropped uploads), and fails when told to. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { ACCESS_KEY, type S3Server, SECRET_KEY } from '#test/support/s3/server.ts';
import { faultOf, sha256 } from '#test/support/s3/signature.ts';

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
}

export interface Said {
  status: number;
  body?: string;
  headers?: Record<string, string>;
}

/** `cut`: the connection ends when the first bytes of the body have come. `silence`: no answer ever comes. */
export type Trouble = Said | 'cut' | 'silence' | undefined;

export interface Front extends AsyncDisposable {
  port: number;
  asked: Asked[];
  /** What happens instead of the right answer. */
  trouble: (asked: Asked) => Trouble;
  /** Names of objects with an upload that was begun and neither completed nor dropped. */
  openUploads(): { id: string; key: string }[];
}

/** A refusal as S3 writes it. */
export function refusal(status: number, code: string, more = ''): Said {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${code} it is</Message>${more}</Error>`;
  return { status, body, headers: { 'content-type': 'application/xml' } };
}

export async function startFront(server: S3Server): Promise<Front> {
  const { certificates } = server;
  const settings = { key: readFileSync(certificates.key), cert: readFileSync(certificates.certificate) };
  const front = createServer(settings, (incoming, answer) => void respond(told, server, { incoming, answer }));
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  const told: Front = {
    port: (front.address() as AddressInfo).port,
    asked: [],
    trouble: () => undefined,
    openUploads: () => openUploads(server),
    async [Symbol.asyncDispose]() {
      front.close();
      front.closeAllConnections();
      await once(front, 'close');
    },
  };
  return told;
}

interface Exchange {
  incoming: IncomingMessage;
  answer: ServerResponse;
}

async function respond(front: Front, server: S3Server, { incoming, answer }: Exchange): Promise<void> {
  const { method = '', url = '', headers } = incoming;
  const { pathname, searchParams } = new URL(url, 'https://localhost');
  const asked = { method, path: decodeURIComponent(pathname), query: searchParams, headers };
  front.asked.push(asked);
  incoming.on('error', () => answer.destroy());
  const trouble = front.trouble(asked);
  if (trouble === 'silence') return;
  if (trouble === 'cut') return void incoming.once('data', () => incoming.socket.destroy());
  const body = await buffer(incoming).catch(() => undefined);
  if (body === undefined) return;
  const said = trouble ?? faultSaid({ method, url, headers }, body) ?? answerOfOurs(server, asked);
  if (said === undefined) return passOn(server, { incoming, answer }, body);
  answer.writeHead(said.status, said.headers).end(said.body);
}

/** A store takes no request whose signature, or whose body, is another than was signed. */
function faultSaid(
  { method, url, headers }: { method: string; url: string; headers: IncomingHttpHeaders },
  body: Buffer,
): Said | undefined {
  const fault = faultOf({ method, url, headers }, { accessKey: ACCESS_KEY, secretKey: SECRET_KEY });
  if (fault !== undefined) return refusal(403, fault);
  if (headers['x-amz-content-sha256'] !== sha256(body)) return refusal(400, 'XAmzContentSHA256Mismatch');
  const md5 = headers['content-md5'];
  if (md5 !== undefined && md5 !== createHash('md5').update(body).digest('base64')) return refusal(400, 'BadDigest');
  return undefined;
}

/** What S3 can do and `s3rver` cannot. */
function answerOfOurs(server: S3Server, { method, path, query }: Asked): Said | undefined {
  if (method === 'DELETE' && query.has('uploadId')) {
    const found = openUploads(server).find(({ id }) => id === query.get('uploadId'));
    if (found === undefined) return refusal(404, 'NoSuchUpload');
    rmSync(join(uploadsOf(server), found.id), { recursive: true });
    return { status: 204 };
  }
  if (method !== 'GET' || !query.has('uploads')) return undefined;
  const begun = openUploads(server).filter(({ key }) => key.startsWith(query.get('prefix') ?? ''));
  const uploads = begun.map(({ id, key }) => `<Upload><Key>${key}</Key><UploadId>${id}</UploadId></Upload>`);
  const body = `<ListMultipartUploadsResult><Bucket>${path.slice(1)}</Bucket>${uploads.join('')}</ListMultipartUploadsResult>`;
  return { status: 200, body, headers: { 'content-type': 'application/xml' } };
}

function passOn(server: S3Server, { incoming, answer }: Exchange, body: Buffer): void {
  const { method, url, headers } = incoming;
  const ca = readFileSync(server.certificates.ca);
  const onward = request({ host: '127.0.0.1', port: server.port, method, path: url, headers, ca }, (reply) => {
    answer.writeHead(reply.statusCode ?? 502, reply.headers);
    reply.pipe(answer);
    reply.on('error', () => answer.destroy());
  });
  onward.on('error', () => answer.destroy());
  onward.end(body);
}

function uploadsOf({ directory, bucket }: S3Server): string {
  return join(directory, bucket, '._S3rver_uploads');
}

function openUploads(server: S3Server): { id: string; key: string }[] {
  try {
    return readdirSync(uploadsOf(server)).map((id) => ({
      id,
      key: readFileSync(join(uploadsOf(server), id, 'key'), 'utf8'),
    }));
  } catch {
    return [];
  }
}
