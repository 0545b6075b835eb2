/** SHA-256 of the files of a set, and the file that lists them as `sha256sum` does. */
import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readHeader } from '#archive/manifest.ts';
import { systemCode } from '#kernel/errors.ts';
import { partsOf, SET_FILES } from '#sdk/sets.ts';

export interface FileSum {
  sha256: string;
  bytes: number;
}

export interface SumOptions {
  signal: AbortSignal;
  /** Told of every piece that was read. */
  onBytes?: (bytes: number) => void;
}

const READ_BYTES = 1 << 20;

export async function sumFile(path: string | Buffer, options: SumOptions): Promise<FileSum> {
  const file = await open(path, 'r');
  try {
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    let bytes = 0;
    for (;;) {
      options.signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, bytes);
      if (bytesRead === 0) return { sha256: hash.digest('hex'), bytes };
      hash.update(buffer.subarray(0, bytesRead));
      bytes += bytesRead;
      options.onBytes?.(bytesRead);
    }
  } finally {
    await file.close();
  }
}

export function formatSums(sums: ReadonlyMap<string, string>): string {
  return [...sums].map(([name, sha256]) => `${sha256}  ${name}\n`).join('');
}

/** A file of the set that is not as it should be. */
export interface PartProblem {
  part: string;
  reason: string;
}

export interface PartsReport {
  bytes: number;
  problems: PartProblem[];
}

/** Compares every file of a set with its checksum. Nothing is decompressed: this tells whether a copy is a copy. */
export async function verifyParts(directory: string, options: SumOptions): Promise<PartsReport> {
  const parts = (await partsIn(directory)).filter((part) => part !== SET_FILES.sums);
  return await checkParts(directory, parts, options);
}

/** With a manifest that cannot be read the set is damaged already: what else it would name is not asked any more. */
async function partsIn(directory: string): Promise<string[]> {
  const header = await readHeader(directory).catch(() => undefined);
  return partsOf(header ?? { databases: [], parts: {}, encryption: null });
}

/** The same for some of the files. */
export async function checkParts(
  directory: string,
  parts: readonly string[],
  options: SumOptions,
): Promise<PartsReport> {
  const expected = await readSums(directory);
  if (expected === undefined) return { bytes: 0, problems: [{ part: SET_FILES.sums, reason: 'it is missing' }] };
  const report: PartsReport = { bytes: 0, problems: [] };
  for (const part of parts) {
    const problem = await checkPart(join(directory, part), { sha256: expected.get(part), report }, options);
    if (problem !== undefined) report.problems.push({ part, reason: problem });
  }
  return report;
}

async function checkPart(
  path: string,
  against: { sha256: string | undefined; report: PartsReport },
  options: SumOptions,
): Promise<string | undefined> {
  if (against.sha256 === undefined) return `${SET_FILES.sums} does not list it`;
  try {
    const { sha256, bytes } = await sumFile(path, options);
    against.report.bytes += bytes;
    return sha256 === against.sha256 ? undefined : 'it does not match its checksum';
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 'it is missing';
    if (systemCode(error) === 'EIO') return 'the disk cannot read it';
    throw error;
  }
}

async function readSums(directory: string): Promise<Map<string, string> | undefined> {
  try {
    const lines = (await readFile(join(directory, SET_FILES.sums), 'utf8')).split('\n');
    return new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
