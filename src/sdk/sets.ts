/** What a backup set looks like from outside: its files, and the head of its manifest that tells what it is. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { Dump, isDumpFile, isSealedDump } from '#sdk/databases/dump.ts';
import { Compression } from '#sdk/kinds/archive.ts';
import { SET_ID, SetPurpose, type SetSummary } from '#sdk/kinds/destination.ts';
import { Release } from '#sdk/kinds/service.ts';

/** The files of every set. Dumps of databases may lie beside them; `SHA256SUMS` covers all others. */
export const SET_FILES = {
  manifest: 'manifest.json',
  data: 'data.tar.zst',
  script: 'restore.sh',
  sums: 'SHA256SUMS',
} as const;

/**
 * What an encrypted set has instead of its data, and besides: its manifest tells no more than a listing needs, and the
 * whole one, with names, settings and the index, is encrypted.
 */
export const SEALED_FILES = { data: 'data.tar.zst.age', manifest: 'manifest.json.zst.age' } as const;

const SET_PARTS: readonly string[] = Object.values(SET_FILES);
const SEALED_PARTS: readonly string[] = [
  SET_FILES.manifest,
  SEALED_FILES.data,
  SET_FILES.script,
  SET_FILES.sums,
  SEALED_FILES.manifest,
];

/** All files of one set. */
export function partsOf({
  databases,
  parts,
  encryption,
}: Pick<SetHeader, 'databases' | 'parts' | 'encryption'>): string[] {
  if (encryption !== null) return [...SEALED_PARTS, ...Object.keys(parts).filter(isSealedDump)];
  return [...SET_PARTS, ...databases.map(({ file }) => file)];
}

/** Whether a file of this name is one that we write into a set. */
export function isSetPart(name: string): boolean {
  return SET_PARTS.includes(name) || SEALED_PARTS.includes(name) || isDumpFile(name) || isSealedDump(name);
}

/** Whether a file is the data of a set: the one that is large. */
export function isData(name: string): boolean {
  return name === SET_FILES.data || name === SEALED_FILES.data;
}

/** What a destination notes about its copy. It is no part of the set, so no checksum covers it. */
export const ANNOTATIONS_FILE = 'annotations.json';

export const Annotations = z.object({ verifiedAt: z.iso.datetime().nullable(), pinned: z.boolean() });
export type Annotations = z.output<typeof Annotations>;
export const NO_ANNOTATIONS: Annotations = { verifiedAt: null, pinned: false };

export const FORMAT_VERSION = 1;

/** Of encrypted sets: versions of this program that do not know them say so, and leave them alone. */
export const SEALED_FORMAT_VERSION = 2;

const Count = z.int().nonnegative();

export const SetHeader = z.object({
  formatVersion: z.literal([FORMAT_VERSION, SEALED_FORMAT_VERSION]),
  set: SET_ID,
  service: z.string(),
  host: z.string(),
  run: z.string(),
  createdAt: z.iso.datetime().describe('When the capture began: all data is from then or a little later'),
  finishedAt: z.iso.datetime().describe('When all of it had been read back and compared'),
  tools: z.record(z.string(), z.string()).describe('Versions of what made it'),
  sources: z.array(
    z.object({
      path: z.string().describe('As configured'),
      realPath: z.string().describe('With symlinks resolved: what the archive holds'),
      exclude: z.array(z.string()),
    }),
  ),
  counts: z.object({
    entries: Count.describe('Lines of the index'),
    files: Count.describe('Entries that are not directories'),
    directories: Count,
    contentBytes: Count.describe('Content of all files, each hard-linked one counted once'),
    skippedSockets: Count,
  }),
  compression: Compression,
  purpose: SetPurpose.default('backup'),
  release: Release.nullable()
    .default(null)
    .describe('What ran when the data was captured; null when its plugin cannot tell'),
  databases: z.array(Dump).default([]).describe('Dumps of databases, each in a file of its own'),
  parts: z.record(z.string(), z.object({ sha256: z.string(), bytes: Count })).describe('The other files of the set'),
  encryption: z
    .object({
      recipients: z.array(z.string()).describe('Recipients of age: the identity of any one of them opens the set'),
      readBackWith: z
        .enum(['identity', 'one-time key'])
        .describe('By what it was read back when it was made: only the first proves that the identity opens it'),
    })
    .nullable()
    .default(null)
    .describe('Null when the set is not encrypted'),
  warnings: z.array(z.string()),
});
export type SetHeader = z.output<typeof SetHeader>;

/**
 * What anybody may see of an encrypted set: no path, no name of a file, a database or an image, no setting, no warning.
 * By a list of what is kept, so that what comes to the head later is not shown by accident.
 */
export function publicHeader(header: SetHeader): SetHeader {
  const { formatVersion, set, service, host, run, createdAt, finishedAt, tools } = header;
  const { counts, compression, purpose, parts, encryption } = header;
  const hidden = { sources: [], release: null, databases: [], warnings: [] };
  const who = { formatVersion, set, service, host, run, createdAt, finishedAt, tools };
  return { ...who, ...hidden, counts, compression, purpose, parts, encryption };
}

/** The line after which the manifest holds one entry of the index per line. */
export const INDEX_LINE = '"files": [';

/**
 * Reads the head of a manifest from the text with which the file begins.
 * @returns undefined when the text ends before the index begins: read more of the file.
 */
export function parseSetHeader(text: string): SetHeader | undefined {
  const end = text.indexOf(`\n${INDEX_LINE}`);
  if (end < 0) return undefined;
  try {
    return SetHeader.parse(JSON.parse(`${text.slice(0, end).trimEnd().replace(/,$/, '')}}`));
  } catch (error) {
    throw new AutopilotError('HA_SET_CORRUPT', 'the manifest is not one that this version can read', { cause: error });
  }
}

/** What a destination lists of a set. */
export function summaryOf(header: SetHeader, copy: { sizeBytes: number; annotations: Annotations }): SetSummary {
  return {
    id: header.set,
    service: header.service,
    host: header.host,
    run: header.run,
    createdAt: header.createdAt,
    sizeBytes: copy.sizeBytes,
    contentBytes: header.counts.contentBytes,
    files: header.counts.files,
    verifiedAt: copy.annotations.verifiedAt,
    pinned: copy.annotations.pinned,
    purpose: header.purpose,
  };
}

/** A head is small; a file that has none within this many bytes is no manifest. */
export const MAX_HEADER_BYTES = 16 << 20;

/** Whether a name from outside may be one component of a path: it cannot climb, hide or end in something odd. */
export function isPathComponent(name: string): boolean {
  return /^[\p{L}\p{N}_][\p{L}\p{N}_. @+-]{0,99}$/u.test(name);
}
