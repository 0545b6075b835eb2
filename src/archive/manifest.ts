/** Reads and writes `manifest.json`: one JSON document whose index has a line for each entry, so that size is no matter. */
import { createReadStream, createWriteStream } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type IndexLine, parseIndexLine } from '#archive/index-line.ts';
import { corrupt } from '#archive/tar/corrupt.ts';
import { AutopilotError, systemCode } from '#kernel/errors.ts';
import { INDEX_LINE, MAX_HEADER_BYTES, parseSetHeader, SET_FILES, type SetHeader } from '#sdk/sets.ts';

const READ_BYTES = 256 << 10;

/** Writes the manifest from its head and a file with the lines of its index; null: it has none that anybody may see. */
export async function writeManifest(path: string, header: SetHeader, indexFile: string | null): Promise<void> {
  const head = JSON.stringify(header, null, 2).replace(/\n\}$/, '');
  await writeFile(path, `${head},\n${INDEX_LINE}\n`, { mode: 0o600 });
  if (indexFile !== null) await pipeline(createReadStream(indexFile), createWriteStream(path, { flags: 'a' }));
  await writeFile(path, '\n]\n}\n', { flag: 'a', flush: true });
}

export async function readHeader(directory: string): Promise<SetHeader> {
  const file = await openManifest(directory);
  try {
    const buffer = Buffer.alloc(READ_BYTES);
    const parts: Buffer[] = [];
    for (let size = 0; size < MAX_HEADER_BYTES; ) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, size);
      if (bytesRead === 0) break;
      parts.push(Buffer.from(buffer.subarray(0, bytesRead)));
      size += bytesRead;
      const header = parseSetHeader(Buffer.concat(parts).toString());
      if (header !== undefined) return header;
    }
  } finally {
    await file.close();
  }
  throw corrupt(`${join(directory, SET_FILES.manifest)} is not a manifest`);
}

/** The entries in the order of the archive, one at a time. */
export async function* readIndex(directory: string): AsyncGenerator<IndexLine, void, undefined> {
  let inIndex = false;
  for await (const line of linesOf(join(directory, SET_FILES.manifest))) {
    if (!inIndex) inIndex = line === INDEX_LINE;
    else if (line === ']') return;
    else if (line !== '') yield parseIndexLine(line.endsWith(',') ? line.slice(0, -1) : line);
  }
  throw corrupt('the index of the manifest ends too early');
}

export async function readScript(): Promise<string> {
  return await readFile(join(import.meta.dirname, SET_FILES.script), 'utf8');
}

async function openManifest(directory: string): ReturnType<typeof open> {
  try {
    return await open(join(directory, SET_FILES.manifest), 'r');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    throw new AutopilotError('HA_NOT_FOUND', `${directory} holds no backup set`, { cause: error });
  }
}

async function* linesOf(path: string): AsyncGenerator<string, void, undefined> {
  let carry = '';
  const chunks: AsyncIterable<string> = createReadStream(path, { encoding: 'utf8', highWaterMark: READ_BYTES });
  for await (const chunk of chunks) {
    const lines = (carry + chunk).split('\n');
    carry = lines.pop() ?? '';
    yield* lines;
  }
  if (carry !== '') yield carry;
}
