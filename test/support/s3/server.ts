/** An S3 server of others (`s3rver`) over TLS on loopback, with one bucket, whose files a test can see and change. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Certificates, makeCertificates } from '#test/support/certificates.ts';
import { tempDir } from '#test/support/tmp.ts';

export interface S3Server extends AsyncDisposable {
  port: number;
  bucket: string;
  /** Where its buckets are: directories in which each object is a file with a longer name. */
  directory: string;
  certificates: Certificates;
}

/** The one key that it knows, and a secret: it computes no signatures itself, `front.ts` does. */
export const ACCESS_KEY = 'S3RVER';
export const SECRET_KEY = 'correct horse battery staple';

/** What stands behind the name of an object in the file system of the server. */
export const OBJECT = '._S3rver_object';

/** Needs `openssl`. @param directory for its buckets; one of its own when it is left out. */
export async function startS3(bucket = 'backups', directory?: string): Promise<S3Server> {
  const dir = await tempDir();
  const certificates = await makeCertificates(dir.path);
  const buckets = directory ?? join(dir.path, 'buckets');
  await mkdir(buckets, { recursive: true });
  const words = [buckets, bucket, certificates.key, certificates.certificate];
  // It writes the mark of the next page of a list with DES, which Node has put away.
  const program = ['--openssl-legacy-provider', join(import.meta.dirname, 'serve.ts')];
  const server = spawn(process.execPath, [...program, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  return {
    port: await portOf(server),
    bucket,
    directory: buckets,
    certificates,
    async [Symbol.asyncDispose]() {
      server.kill('SIGTERM');
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
      await dir[Symbol.asyncDispose]();
    },
  };
}

async function portOf(server: ChildProcess): Promise<number> {
  if (server.stdout === null) throw new Error('its output is read');
  for await (const line of createInterface(server.stdout)) return Number(line);
  throw new Error('the S3 server did not start');
}
