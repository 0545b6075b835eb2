/** Reads the headers of a POSIX (pax) tar archive as GNU tar writes it, names as raw bytes. */
import { type RawPath, rawFromBytes } from '#archive/raw.ts';
import { corrupt } from '#archive/tar/corrupt.ts';

export const BLOCK = 512;

export const ENTRY_TYPES = ['file', 'hardlink', 'symlink', 'character', 'block', 'directory', 'fifo'] as const;
export type EntryType = (typeof ENTRY_TYPES)[number];

/** One member of an archive. */
export interface TarMember {
  name: RawPath;
  type: EntryType;
  mode: number;
  uid: number;
  gid: number;
  owner: string;
  group: string;
  /** Size of the file once it is restored. */
  size: number;
  /** Bytes that the archive holds for it: less than `size` for a sparse file. */
  storedBytes: number;
  /** ISO 8601 in UTC, with the fraction of a second as precise as the file system had it. */
  mtime: string;
  /** What a symlink or hard link points to. */
  link: RawPath | null;
  sparse: boolean;
  /** SHA-256 of a regular file's content; null until all of it was read. */
  sha256: string | null;
}

/** A header block: either the member's own, or one that announces pax records. */
export type Header = { kind: 'records'; size: number } | { kind: 'member'; member: TarMember };

export type PaxRecords = Map<string, Buffer>;

/** Parses a block of 512 bytes; `records` are the pax records that came before it. */
export function parseHeader(block: Buffer, records: PaxRecords): Header {
  if (octal(block, 148, 8) !== checksum(block)) throw corrupt('a header of the archive does not match its checksum');
  const flag = String.fromCharCode(block[156] ?? 0);
  const size = numberRecord(records, 'size') ?? octal(block, 124, 12);
  if (flag === 'x') return { kind: 'records', size };
  const type = typeOf(flag);
  const sparse = sparseFacts(records);
  const stored = type === 'file' ? size : 0;
  return {
    kind: 'member',
    member: {
      name: memberName(block, records),
      type,
      mode: octal(block, 100, 8) & 0o7777,
      uid: numberRecord(records, 'uid') ?? octal(block, 108, 8),
      gid: numberRecord(records, 'gid') ?? octal(block, 116, 8),
      owner: (records.get('uname') ?? text(block, 265, 32)).toString(),
      group: (records.get('gname') ?? text(block, 297, 32)).toString(),
      size: sparse ?? stored,
      storedBytes: stored,
      mtime: isoTime(records.get('mtime')?.toString('latin1') ?? String(octal(block, 136, 12))),
      link: type === 'hardlink' || type === 'symlink' ? linkName(block, records) : null,
      sparse: sparse !== null,
      sha256: null,
    },
  };
}

/** Parses `25 mtime=1700000000.5\n…`; values are bytes, for names need not be text. */
export function parseRecords(data: Buffer): PaxRecords {
  const records: PaxRecords = new Map();
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(data.toString('latin1', at, space));
    const equals = data.indexOf(0x3d, space);
    if (!Number.isSafeInteger(length) || equals < 0 || at + length > data.length || equals >= at + length) {
      throw corrupt('an extended header of the archive cannot be read');
    }
    records.set(data.toString('latin1', space + 1, equals), data.subarray(equals + 1, at + length - 1));
    at += length;
  }
  return records;
}

export function isZeroBlock(block: Buffer): boolean {
  return block.equals(ZERO_BLOCK);
}

const ZERO_BLOCK = Buffer.alloc(BLOCK);

function memberName(block: Buffer, records: PaxRecords): RawPath {
  const record = records.get('GNU.sparse.name') ?? records.get('path');
  const name = record ?? ustarName(block);
  const end = name.length > 1 && name.at(-1) === 0x2f ? name.length - 1 : name.length;
  return rawFromBytes(name.subarray(0, end));
}

function ustarName(block: Buffer): Buffer {
  const name = text(block, 0, 100);
  const prefix = text(block, 345, 155);
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]);
}

function linkName(block: Buffer, records: PaxRecords): RawPath {
  return rawFromBytes(records.get('linkpath') ?? text(block, 157, 100));
}

/** The real size of a sparse file, or null. Only the form that GNU tar writes with `--format=posix` is known. */
function sparseFacts(records: PaxRecords): number | null {
  const major = records.get('GNU.sparse.major');
  if (major === undefined) {
    if (records.has('GNU.sparse.map') || records.has('GNU.sparse.size'))
      throw corrupt('an unknown form of sparse file');
    return null;
  }
  const size = numberRecord(records, 'GNU.sparse.realsize');
  if (major.toString('latin1') !== '1' || size === undefined) throw corrupt('an unknown form of sparse file');
  return size;
}

function typeOf(flag: string): EntryType {
  const type = flag === '\0' || flag === '7' ? 'file' : ENTRY_TYPES[Number.parseInt(flag, 10)];
  if (type === undefined) throw corrupt(`a member of unknown type "${flag}"`);
  return type;
}

function text(block: Buffer, start: number, length: number): Buffer {
  const end = block.indexOf(0, start);
  return block.subarray(start, end < 0 || end > start + length ? start + length : end);
}

function octal(block: Buffer, start: number, length: number): number {
  let value = 0;
  for (let at = start; at < start + length; at++) {
    const digit = block[at] ?? 0;
    if (digit === 0x20 && value === 0) continue;
    if (digit === 0 || digit === 0x20) break;
    if (digit < 0x30 || digit > 0x37) throw corrupt('a header of the archive holds a bad number');
    value = value * 8 + digit - 0x30;
  }
  return value;
}

function checksum(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < 148; at++) sum += block[at] ?? 0;
  for (let at = 156; at < BLOCK; at++) sum += block[at] ?? 0;
  return sum;
}

function numberRecord(records: PaxRecords, key: string): number | undefined {
  const value = records.get(key);
  if (value === undefined) return undefined;
  const number = Number(value.toString('latin1'));
  if (!Number.isSafeInteger(number) || number < 0) throw corrupt(`an extended header with a bad ${key}`);
  return number;
}

/** `1700000000.25` as an ISO time; the fraction keeps its digits. */
function isoTime(seconds: string): string {
  const match = /^(-?\d+)(?:\.(\d+))?$/.exec(seconds);
  if (match === null) throw corrupt('an extended header with a bad time');
  const date = new Date(Number(match[1]) * 1000);
  if (Number.isNaN(date.getTime())) throw corrupt('an extended header with a bad time');
  const fraction = (match[2] ?? '').padEnd(3, '0');
  // Before 1970 the fraction counts down from the whole second: rare enough to keep the whole second only.
  return `${date.toISOString().slice(0, -5)}.${seconds.startsWith('-') ? '000' : fraction}Z`;
}
