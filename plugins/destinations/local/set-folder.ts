/** The folder of one set at a local destination: what is in it, how it is filled, and how it is removed. */

import { type FileHandle, open, readdir, rename, rmdir, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AutopilotError, systemCode } from '#kernel/errors.ts';
import { faultPoint } from '#kernel/fault.ts';
import { ifThere, readIfThere } from '#kernel/if-there.ts';
import {
  ANNOTATIONS_FILE,
  Annotations,
  isSetPart,
  MAX_HEADER_BYTES,
  NO_ANNOTATIONS,
  parseSetHeader,
  partsOf,
  SET_FILES,
  type SetHeader,
} from '#sdk/sets.ts';
import type { Tools } from '#sdk/tools.ts';

/** All that we ever write into the folder of a set, and so all that we ever remove from it. */
function isOurs(name: string): boolean {
  return isSetPart(name) || name === ANNOTATIONS_FILE || name === `${ANNOTATIONS_FILE}.new`;
}

const READ_BYTES = 256 << 10;
const COPY_BYTES = 1 << 20;

/** The head of the manifest; undefined when there is none, or when it tells of another set. */
export async function headerIn(path: string, set: string): Promise<SetHeader | undefined> {
  const file = await ifThere(open(join(path, SET_FILES.manifest), 'r'));
  if (file === undefined) return undefined;
  try {
    let text = Buffer.alloc(0);
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, text.length);
      text = Buffer.concat([text, buffer.subarray(0, bytesRead)]);
      const header = parseSetHeader(text.toString());
      if (header !== undefined) return header.set === set ? header : undefined;
      if (bytesRead === 0 || text.length > MAX_HEADER_BYTES)
        throw new AutopilotError('HA_SET_CORRUPT', 'its manifest has no index');
    }
  } finally {
    await file.close();
  }
}

export async function sizeOf(path: string, header: SetHeader): Promise<number> {
  const sizes = await Promise.all(partsOf(header).map(async (part) => (await stat(join(path, part))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** What is in a directory; nothing when it is no directory, or not there. */
export async function names(path: string): Promise<string[]> {
  return ((await ifThere(readdir(path))) ?? []).toSorted();
}

/** A note that cannot be read counts as none: it can only make a copy look less trusted than it is. */
export async function readAnnotations(path: string): Promise<Annotations> {
  const text = await readIfThere(join(path, ANNOTATIONS_FILE));
  if (text === undefined) return NO_ANNOTATIONS;
  try {
    return Annotations.parse(JSON.parse(text));
  } catch {
    return NO_ANNOTATIONS;
  }
}

export async function annotate(path: string, change: Partial<Annotations>): Promise<void> {
  const file = join(path, ANNOTATIONS_FILE);
  const annotations = { ...(await readAnnotations(path)), ...change };
  await writeFile(`${file}.new`, `${JSON.stringify(annotations)}\n`, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
}

/** Copies the files of a set and flushes each. Returns how many bytes these are. */
export async function copyParts(
  tools: Tools,
  set: string,
  { from, to }: { from: string; to: string },
): Promise<number> {
  const header = await headerIn(from, set);
  if (header === undefined) throw new AutopilotError('HA_NOT_FOUND', `${from} does not hold the set ${set}`);
  const totalBytes = await sizeOf(from, header);
  let bytes = 0;
  for (const part of partsOf(header)) {
    const onBytes = (copied: number) => tools.progress({ bytes: (bytes += copied), totalBytes });
    await copyFile(join(from, part), join(to, part), { signal: tools.signal, onBytes });
    await forget(tools, join(to, part));
    faultPoint('copy.middle');
  }
  return bytes;
}

/** Removes our files from a folder and then the folder. What others put there stays, and with it the folder. */
export async function removeOurs(tools: Tools, path: string): Promise<boolean> {
  const there = await names(path);
  for (const name of there.filter(isOurs)) await unlink(join(path, name));
  try {
    await rmdir(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    if (systemCode(error) !== 'ENOTEMPTY') throw error;
    tools.log.warn('a removed set leaves a folder, because it holds files that are not ours', { path });
    return there.length > 0;
  }
}

/** In pieces, so that it can be stopped and tells how far it is. */
async function copyFile(
  from: string,
  to: string,
  { signal, onBytes }: { signal: AbortSignal; onBytes: (bytes: number) => void },
): Promise<void> {
  await using source = await open(from, 'r');
  const { mode } = await source.stat();
  await using target = await open(to, 'wx', mode & 0o700);
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  for (;;) {
    signal.throwIfAborted();
    const { bytesRead } = await source.read(buffer, 0, COPY_BYTES, null);
    if (bytesRead === 0) break;
    await writeAll(target, buffer.subarray(0, bytesRead));
    onBytes(bytesRead);
  }
  await target.sync();
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await file.write(bytes, at, bytes.length - at, null)).bytesWritten;
  }
}

/** The copy is read back soon; what is still in memory would be compared then, and not what the disk has. */
async function forget(tools: Tools, path: string): Promise<void> {
  try {
    await tools.exec(['dd', `if=${path}`, 'iflag=nocache', 'count=0']);
  } catch (error) {
    tools.signal.throwIfAborted();
    tools.log.debug('the copy stays in the cache of the system', { path, reason: String(error) });
  }
}
