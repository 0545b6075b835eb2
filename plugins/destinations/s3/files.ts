/** Files in the bucket. An object is there whole or not at all; a folder is only the beginning of names. */
import type { RemoteFile, RemoteFiles } from '#sdk/remote/files.ts';
import { isSetPart } from '#sdk/sets.ts';
import type { Session } from './connection.ts';
import { refusalOf, s3Error } from './errors.ts';
import { abortUploads, putBytes, putFile } from './upload.ts';

export function createS3Files(session: Session): RemoteFiles {
  const at = (path: string) => keyOf(session, path);
  return {
    list: async (folder, depth) => await list(session, folder === '' ? at('') : `${at(folder)}/`, depth),
    head: async (path, bytes) => await head(session, at(path), bytes),
    read: (path) => read(session, at(path)),
    put: async (local, path, { onBytes }) => await putFile(session, { local, key: at(path) }, onBytes),
    write: async (path, text) => await putBytes(session, at(path), Buffer.from(text)),
    // There are no folders but in the names.
    makeFolder: async () => undefined,
    remove: async (path) => await remove(session, at(path)),
    removeFolder: async (path) => await removeFolder(session, `${at(path)}/`),
  };
}

/** The name of the object; of the root it is what all names begin with. */
export function keyOf({ tools: { config } }: Session, path: string): string {
  return config.prefix === '' ? path : `${config.prefix}/${path}`;
}

async function list(session: Session, start: string, depth: number): Promise<RemoteFile[]> {
  const { sdk, ask, tools } = session;
  const found: RemoteFile[] = [];
  for (let from: string | undefined, more = true; more; ) {
    const input = { Bucket: tools.config.bucket, Prefix: start, ContinuationToken: from };
    // What lies deeper is left out by the store itself where one level is wanted.
    const level = depth === 1 ? { Delimiter: '/' } : {};
    const page = await ask('list its objects', (client, how) =>
      client.send(new sdk.ListObjectsV2Command({ ...input, ...level }), how),
    );
    for (const { Key = '', Size = 0 } of page.Contents ?? []) {
      const path = Key.slice(start.length);
      // A name that ends in "/" is how other programs mark a folder.
      if (path !== '' && !path.endsWith('/') && path.split('/').length <= depth) found.push({ path, bytes: Size });
    }
    from = page.NextContinuationToken;
    more = from !== undefined;
  }
  return found;
}

async function head(session: Session, key: string, bytes: number): Promise<Buffer | undefined> {
  const all: Buffer[] = [];
  try {
    for await (const piece of read(session, key, `bytes=0-${bytes - 1}`)) all.push(piece);
  } catch (error) {
    const { name, status } = refusalOf(error);
    if (name === 'NoSuchKey') return undefined;
    // It is empty.
    if (status === 416) return Buffer.alloc(0);
    throw error;
  }
  return Buffer.concat(all);
}

async function* read(session: Session, key: string, range?: string): AsyncGenerator<Buffer, void, undefined> {
  const { tools, sdk, ask } = session;
  const what = `give ${key}`;
  const input = { Bucket: tools.config.bucket, Key: key, Range: range };
  const { Body } = await ask(what, (client, how) => client.send(new sdk.GetObjectCommand(input), how));
  try {
    for await (const piece of Body as AsyncIterable<Buffer>) yield piece;
  } catch (error) {
    tools.signal.throwIfAborted();
    throw s3Error(tools, what, error);
  }
}

async function remove(session: Session, key: string): Promise<void> {
  const { tools, sdk, ask } = session;
  const input = { Bucket: tools.config.bucket, Key: key };
  await ask(`remove ${key}`, (client, how) => client.send(new sdk.DeleteObjectCommand(input), how));
}

/** Parts of an upload that nobody ended lie in no list, and cost their room all the same. */
async function removeFolder(session: Session, start: string): Promise<boolean> {
  await abortUploads(session, start, (key) => isSetPart(key.slice(start.length)));
  const { tools, sdk, ask } = session;
  const input = { Bucket: tools.config.bucket, Prefix: start, MaxKeys: 2 };
  const { Contents = [] } = await ask('list its objects', (client, how) =>
    client.send(new sdk.ListObjectsV2Command(input), how),
  );
  return Contents.every(({ Key }) => Key === start);
}
