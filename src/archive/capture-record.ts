/** What capture leaves for seal: the facts of the capture, and the names that it handed to tar, in order. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { WORK_FILES } from '#archive/places.ts';
import type { RawPath } from '#archive/raw.ts';
import type { WalkType } from '#archive/walk.ts';
import { writeFlushed } from '#kernel/durable.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { Dump } from '#sdk/databases/dump.ts';
import { Compression } from '#sdk/kinds/archive.ts';
import { SET_ID, SetPurpose } from '#sdk/kinds/destination.ts';
import { Release } from '#sdk/kinds/service.ts';

export const CaptureRecord = z.object({
  set: SET_ID,
  service: z.string(),
  host: z.string(),
  run: z.string(),
  createdAt: z.iso.datetime(),
  tools: z.record(z.string(), z.string()),
  sources: z.array(z.object({ path: z.string(), realPath: z.string(), exclude: z.array(z.string()) })),
  compression: Compression,
  purpose: SetPurpose,
  release: Release.nullable(),
  dumps: z.array(Dump),
  /** For whom the set is encrypted, and the recipient of its one-time key besides; null when it is not. */
  encryption: z
    .object({ recipients: z.array(z.string()), oneTime: z.string() })
    .nullable()
    .default(null),
  skippedSockets: z.int(),
  /** Length of the tar stream, for the progress display. */
  streamBytes: z.int(),
  /** Names, one character a byte, that tar was given and did not find any more. */
  vanished: z.array(z.string()),
  warnings: z.array(z.string()),
});
export type CaptureRecord = z.output<typeof CaptureRecord>;

export async function writeCaptureRecord(directory: string, record: CaptureRecord): Promise<void> {
  await writeFlushed(join(directory, WORK_FILES.capture), JSON.stringify(record));
}

export async function readCaptureRecord(directory: string): Promise<CaptureRecord> {
  try {
    return CaptureRecord.parse(JSON.parse(await readFile(join(directory, WORK_FILES.capture), 'utf8')));
  } catch (error) {
    throw new AutopilotError('HA_NOT_FOUND', `no finished capture in ${directory}`, {
      cause: error,
      next: 'run the backup again from its first step',
    });
  }
}

const LETTERS = { file: 'f', directory: 'd', symlink: 'l', special: 's', socket: '-' } as const satisfies Record<
  WalkType,
  string
>;

export interface CapturedName {
  letter: string;
  name: RawPath;
}

/** How one name is written to the list of names. */
export function nameRecord(type: WalkType, name: RawPath): string {
  return `${LETTERS[type]}${name}\0`;
}

/** The names that capture handed to tar, in order, without those that had vanished by then. */
export async function* capturedNames(directory: string, vanished: ReadonlySet<string>): AsyncGenerator<CapturedName> {
  let carry = '';
  const chunks: AsyncIterable<string> = createReadStream(join(directory, WORK_FILES.names), { encoding: 'latin1' });
  for await (const chunk of chunks) {
    const records = (carry + chunk).split('\0');
    carry = records.pop() ?? '';
    for (const record of records) {
      const name = record.slice(1) as RawPath;
      if (!vanished.has(name)) yield { letter: record.slice(0, 1), name };
    }
  }
}
