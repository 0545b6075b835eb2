/** Bytes to and from the server: many requests under way at once, since each alone would wait for the line. */
import { open } from 'node:fs/promises';
import { AutopilotError } from '#kernel/errors.ts';
import type { Pace } from '#sdk/remote/pace.ts';
import type { Session } from './connection.ts';
import { isUnsupported } from './errors.ts';

/** What every server takes in one request. */
const REQUEST_BYTES = 32 << 10;
const AT_ONCE = 64;
const BLOCK_BYTES = REQUEST_BYTES * AT_ONCE;

interface Target {
  local: string;
  path: string;
  /** What lies before it is there already. */
  start: number;
}

export async function sendFile(
  session: Session,
  { local, path, start }: Target,
  { pace, onBytes }: { pace: Pace; onBytes: (bytes: number) => void },
): Promise<void> {
  const { sftp, ask } = session;
  await using file = await open(local, 'r');
  const flags = start > 0 ? 'r+' : 'w';
  const handle = await ask<Buffer>(`open ${path}`, (answer) => sftp.open(path, flags, { mode: 0o600 }, answer));
  const underWay = new Set<Promise<void>>();
  for (let at = start; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(REQUEST_BYTES), 0, REQUEST_BYTES, at);
    if (bytesRead === 0) break;
    await pace(bytesRead);
    const position = at;
    const write = ask<unknown>(`write to ${path}`, (answer) =>
      sftp.write(handle, buffer, 0, bytesRead, position, answer),
    ).then(() => onBytes(bytesRead));
    const sent = write.finally(() => underWay.delete(sent));
    underWay.add(sent);
    sent.catch(() => undefined);
    at += bytesRead;
    if (underWay.size >= AT_ONCE) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  await finish(session, { handle, path });
}

/** A small file. */
export async function writeAll(session: Session, file: { handle: Buffer; path: string }, bytes: Buffer): Promise<void> {
  const { sftp, ask } = session;
  await ask(`write to ${file.path}`, (answer) => sftp.write(file.handle, bytes, 0, bytes.length, 0, answer));
  await finish(session, file);
}

/** Onto the disk there, where the server knows how; OpenSSH does. */
async function finish({ sftp, ask }: Session, { handle, path }: { handle: Buffer; path: string }): Promise<void> {
  try {
    await ask(`flush ${path}`, (answer) => sftp.ext_openssh_fsync(handle, answer));
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  }
  await ask(`close ${path}`, (answer) => sftp.close(handle, answer));
}

/** The first bytes of a file, or all of it; the next block is on its way while one is used. */
export async function* readPieces(
  session: Session,
  path: string,
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<Buffer, void, undefined> {
  const { sftp, ask } = session;
  const handle = await ask<Buffer>(`open ${path}`, (answer) => sftp.open(path, 'r', answer));
  const { size } = await ask<{ size: number }>(`look at ${path}`, (answer) => sftp.fstat(handle, answer));
  const end = Math.min(size, limit);
  const blockAt = (at: number) => {
    const block = at < end ? readBlock(session, { handle, path, at, end }) : undefined;
    block?.catch(() => undefined);
    return block;
  };
  let next = blockAt(0);
  for (let at = BLOCK_BYTES; next !== undefined; at += BLOCK_BYTES) {
    const block = await next;
    next = blockAt(at);
    yield block;
  }
  await ask(`close ${path}`, (answer) => sftp.close(handle, answer));
}

interface Range {
  handle: Buffer;
  path: string;
  at: number;
  end: number;
}

async function readBlock(session: Session, range: Range): Promise<Buffer> {
  const length = Math.min(BLOCK_BYTES, range.end - range.at);
  const block = Buffer.allocUnsafe(length);
  const reads: Promise<void>[] = [];
  for (let from = 0; from < length; from += REQUEST_BYTES) {
    reads.push(fill(session, { ...range, at: range.at + from }, block.subarray(from, from + REQUEST_BYTES)));
  }
  await Promise.all(reads);
  return block;
}

/** A server may give less than was asked for. */
async function fill({ sftp, ask }: Session, { handle, path, at }: Range, into: Buffer): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const left = into.length - done;
    const read = await ask<number>(`read ${path}`, (answer) => sftp.read(handle, into, done, left, at + done, answer));
    if (read === 0) throw new AutopilotError('HA_SET_CORRUPT', `${path} became shorter while it was read`);
    done += read;
  }
}
