/** Makes sets that nobody should trust: archives with members of a test's choice, and a manifest that agrees with them. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatIndexLine } from '#archive/index-line.ts';
import { writeManifest } from '#archive/manifest.ts';
import { type RawPath, rawFromText } from '#archive/raw.ts';
import { ENTRY_TYPES, type EntryType, type TarMember } from '#archive/tar/header.ts';
import type { SetHeader } from '#sdk/sets.ts';

export interface ForgedMember {
  name: string;
  type?: EntryType;
  link?: string;
  content?: string;
}

/** A ustar archive, byte by byte. */
export function tarOf(members: readonly ForgedMember[]): Buffer {
  return Buffer.concat([...members.flatMap(blocksOf), Buffer.alloc(1024)]);
}

/** A set in `directory` whose only source is `source`. */
export async function forgeSet(directory: string, source: string, members: readonly ForgedMember[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'plain.tar'), tarOf(members));
  execFileSync('zstd', ['-q', '--rm', join(directory, 'plain.tar'), '-o', join(directory, 'data.tar.zst')]);
  await writeFile(join(directory, 'restore.sh'), '');
  await writeFile(join(directory, 'index'), members.map((member) => formatIndexLine(indexed(member))).join(',\n'));
  await writeManifest(join(directory, 'manifest.json'), headerFor(source), join(directory, 'index'));
  const names = ['data.tar.zst', 'restore.sh', 'manifest.json'];
  const sums = await Promise.all(
    names.map(async (name) => `${sha256(await readFile(join(directory, name)))}  ${name}\n`),
  );
  await writeFile(join(directory, 'SHA256SUMS'), sums.join(''));
}

function blocksOf({ name, type = 'file', link = '', content = '' }: ForgedMember): Buffer[] {
  const block = Buffer.alloc(512);
  block.write(name, 0, 'utf8');
  block.write('0000755\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(`${Buffer.byteLength(content).toString(8).padStart(11, '0')}\0`, 124);
  block.write('14000000000\0', 136);
  block.write('        ', 148);
  block.write(String(ENTRY_TYPES.indexOf(type)), 156);
  block.write(link, 157, 'utf8');
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const data = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512);
  data.write(content);
  return [block, data];
}

function indexed({ name, type = 'file', link, content = '' }: ForgedMember): TarMember {
  return {
    name: rawFromText(name.replace(/(?<=.)\/$/, '')),
    type,
    mode: 0o755,
    uid: 0,
    gid: 0,
    owner: '',
    group: '',
    size: Buffer.byteLength(content),
    storedBytes: Buffer.byteLength(content),
    mtime: new Date(0o14000000000 * 1000).toISOString(),
    link: link === undefined ? null : (rawFromText(link) satisfies RawPath),
    sparse: false,
    sha256: type === 'file' ? sha256(content) : null,
  };
}

function headerFor(source: string): SetHeader {
  const at = '2026-01-02T03:04:05.000Z';
  return {
    formatVersion: 1,
    encryption: null,
    set: 'set-forged',
    service: 'notes',
    host: 'nas',
    run: 'run1',
    createdAt: at,
    finishedAt: at,
    tools: {},
    sources: [{ path: source, realPath: source, exclude: [] }],
    counts: { entries: 0, files: 0, directories: 0, contentBytes: 0, skippedSockets: 0 },
    compression: { algorithm: 'zstd', level: 3 },
    purpose: 'backup',
    databases: [],
    release: null,
    parts: {},
    warnings: [],
  };
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
