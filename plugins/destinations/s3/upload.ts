/** Bytes to the bucket: small ones at once, large ones in parts, of which some are under way at the same time. */
import { type FileHandle, open } from 'node:fs/promises';
import { AutopilotError } from '#kernel/errors.ts';
import { faultPoint } from '#kernel/fault.ts';
import type { Session } from './connection.ts';
import { refusalOf } from './errors.ts';

/** Every store takes parts from 5 MiB on, and 10,000 of them at most. */
const PART_BYTES = 8 << 20;
const MOST_PARTS = 9_000;
/** So much of a file is in memory, unless one part alone is larger: that is so from 280 GiB on. */
const IN_FLIGHT_BYTES = 32 << 20;

interface Sending {
  file: FileHandle;
  size: number;
  key: string;
}

export async function putFile(
  session: Session,
  { local, key }: { local: string; key: string },
  onBytes: (bytes: number) => void,
): Promise<void> {
  await using file = await open(local, 'r');
  const { size } = await file.stat();
  if (size > PART_BYTES) return await putInParts(session, { file, size, key }, onBytes);
  await putBytes(session, key, await bytesAt(file, { at: 0, length: size, local: key }));
  onBytes(size);
}

export async function putBytes({ tools, sdk, ask, body }: Session, key: string, bytes: Buffer): Promise<void> {
  const at = { Bucket: tools.config.bucket, Key: key };
  await ask(`take ${key}`, (client, how) => client.send(new sdk.PutObjectCommand({ ...at, ...body(bytes) }), how));
}

/**
 * Ends uploads that nobody will complete: those of attempts that were killed.
 * @param isOurs which of the names that begin so are surely ours.
 */
export async function abortUploads(session: Session, start: string, isOurs: (key: string) => boolean): Promise<void> {
  const { tools, sdk, ask } = session;
  for (const { Key, UploadId } of await openUploads(session, start)) {
    if (Key === undefined || UploadId === undefined || !isOurs(Key)) continue;
    const input = { Bucket: tools.config.bucket, Key, UploadId };
    await ask(`drop an upload of ${Key}`, (client, how) =>
      client.send(new sdk.AbortMultipartUploadCommand(input), how),
    );
    tools.log.info('parts of an upload that was cut off were removed', { key: Key });
  }
}

async function openUploads({ tools, sdk, ask }: Session, start: string) {
  const input = { Bucket: tools.config.bucket, Prefix: start };
  try {
    const { Uploads = [] } = await ask('list uploads that were begun', (client, how) =>
      client.send(new sdk.ListMultipartUploadsCommand(input), how),
    );
    return Uploads;
  } catch (error) {
    const { status } = refusalOf(error);
    // Some stores cannot tell, and some keys may not ask. What is left there then is for a rule of the bucket.
    if (status === undefined || ![403, 405, 501].includes(status)) throw error;
    tools.log.info('the store does not tell of uploads that were cut off', { status });
    return [];
  }
}

async function putInParts(session: Session, sending: Sending, onBytes: (bytes: number) => void): Promise<void> {
  const { tools, sdk, ask, tidy } = session;
  const at = { Bucket: tools.config.bucket, Key: sending.key };
  await abortUploads(session, sending.key, (key) => key === sending.key);
  const { UploadId } = await ask(`begin ${sending.key}`, (client, how) =>
    client.send(new sdk.CreateMultipartUploadCommand(at), how),
  );
  try {
    const Parts = await sendParts(session, { ...sending, UploadId }, onBytes);
    faultPoint('copy.middle');
    await ask(`put ${sending.key} together`, (client, how) =>
      client.send(new sdk.CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }), how),
    );
  } catch (error) {
    await tidy((client, how) => client.send(new sdk.AbortMultipartUploadCommand({ ...at, UploadId }), how));
    throw error;
  }
}

interface Part {
  PartNumber: number;
  ETag: string | undefined;
}

async function sendParts(
  session: Session,
  sending: Sending & { UploadId: string | undefined },
  onBytes: (bytes: number) => void,
): Promise<Part[]> {
  const { file, size, key, UploadId } = sending;
  const { tools, sdk, ask, body } = session;
  const partBytes = Math.max(PART_BYTES, Math.ceil(size / MOST_PARTS));
  const count = Math.ceil(size / partBytes);
  const parts: Part[] = [];
  const state = { failed: false };
  const send = async (part: Part) => {
    const { PartNumber } = part;
    const from = (PartNumber - 1) * partBytes;
    const bytes = await bytesAt(file, { at: from, length: Math.min(partBytes, size - from), local: key });
    const input = { Bucket: tools.config.bucket, Key: key, UploadId, PartNumber };
    const { ETag } = await ask(`take part ${PartNumber} of ${key}`, (client, how) =>
      client.send(new sdk.UploadPartCommand({ ...input, ...body(bytes) }), how),
    );
    part.ETag = ETag;
    onBytes(bytes.length);
  };
  const sendThem = async () => {
    while (!state.failed && parts.length < count) {
      const part: Part = { PartNumber: parts.length + 1, ETag: undefined };
      parts.push(part);
      await send(part).catch((error: unknown) => {
        state.failed = true;
        throw error;
      });
    }
  };
  // None is still under way when the upload is dropped: a part that comes later would stay.
  const atOnce = Math.max(1, Math.floor(IN_FLIGHT_BYTES / partBytes));
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, sendThem));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return parts;
}

async function bytesAt(
  file: FileHandle,
  { at, length, local }: { at: number; length: number; local: string },
): Promise<Buffer> {
  const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, at);
  if (bytesRead === length) return buffer;
  throw new AutopilotError('HA_SET_CORRUPT', `the file for ${local} became shorter while it was read`);
}
