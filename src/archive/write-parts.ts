/** Writes what makes captured data a set: script, manifest and checksums; of an encrypted set the manifest twice. */
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CaptureRecord } from '#archive/capture-record.ts';
import { type FileSum, formatSums, sumFile } from '#archive/checksum.ts';
import { encryptFile, type Lock } from '#archive/encryption/sealing.ts';
import { readScript, writeManifest } from '#archive/manifest.ts';
import { WORK_FILES } from '#archive/places.ts';
import { limited } from '#archive/warnings.ts';
import { flush, writeFlushed } from '#kernel/durable.ts';
import { sealedDump } from '#sdk/databases/dump.ts';
import {
  FORMAT_VERSION,
  publicHeader,
  SEALED_FILES,
  SEALED_FORMAT_VERSION,
  SET_FILES,
  type SetHeader,
} from '#sdk/sets.ts';
import type { Tools } from '#sdk/tools.ts';

export interface Reading {
  counts: SetHeader['counts'];
  warnings: string[];
  /** Of the file with the data. */
  data: FileSum;
}

export interface Writing extends Reading {
  directory: string;
  record: CaptureRecord;
  /** Null when the set is not encrypted. */
  lock: Lock | null;
}

/** Everything is on the disk before the manifest gets its name. */
export async function writeParts(tools: Tools, writing: Writing): Promise<void> {
  const { directory, lock } = writing;
  const script = join(directory, SET_FILES.script);
  await writeFile(script, await readScript(), { mode: 0o700, flush: true });
  const parts: SetHeader['parts'] = {
    [lock === null ? SET_FILES.data : SEALED_FILES.data]: writing.data,
    [SET_FILES.script]: await sumFile(script, tools),
  };
  for (const name of await dumpFiles(tools, writing)) parts[name] = await sumFile(join(directory, name), tools);
  const header = headerOf(tools, writing, parts);
  const manifest = join(directory, WORK_FILES.manifest);
  if (lock === null) await writeManifest(manifest, header, join(directory, WORK_FILES.index));
  else {
    parts[SEALED_FILES.manifest] = await sealManifest(tools, { directory, header, lock });
    await writeManifest(manifest, publicHeader(header), null);
  }
  const sums = new Map(Object.entries(parts).map(([name, { sha256 }]) => [name, sha256]));
  sums.set(SET_FILES.manifest, (await sumFile(manifest, tools)).sha256);
  await writeFlushed(join(directory, SET_FILES.sums), formatSums(sums));
  await rename(manifest, join(directory, SET_FILES.manifest));
  await flush(directory);
}

/** The files of the dumps in the set. Plain ones stay beside encrypted ones until the set is whole. */
async function dumpFiles(tools: Tools, { directory, record, lock }: Writing): Promise<string[]> {
  if (lock === null) return record.dumps.map(({ file }) => file);
  for (const dump of record.dumps) {
    await encryptFile(tools, { from: join(directory, dump.file), to: join(directory, sealedDump(dump)) }, lock);
  }
  return record.dumps.map(sealedDump);
}

function headerOf(tools: Tools, { record, counts, warnings, lock }: Writing, parts: SetHeader['parts']): SetHeader {
  return {
    formatVersion: lock === null ? FORMAT_VERSION : SEALED_FORMAT_VERSION,
    set: record.set,
    service: record.service,
    host: record.host,
    run: record.run,
    createdAt: record.createdAt,
    finishedAt: tools.now().toISOString(),
    tools: record.tools,
    sources: record.sources,
    counts,
    compression: record.compression,
    purpose: record.purpose,
    release: record.release,
    databases: record.dumps,
    parts,
    encryption:
      lock === null ? null : { recipients: record.encryption?.recipients ?? [], readBackWith: lock.readBackWith },
    warnings: limited([...record.warnings, ...warnings]),
  };
}

/** The manifest as it would be if nothing were encrypted: an index is long and alike in all its lines, so it is packed. */
async function sealManifest(
  tools: Tools,
  { directory, header, lock }: { directory: string; header: SetHeader; lock: Lock },
): Promise<FileSum> {
  const whole = join(directory, WORK_FILES.whole);
  const packed = join(directory, WORK_FILES.packed);
  const sealed = join(directory, SEALED_FILES.manifest);
  await writeManifest(whole, header, join(directory, WORK_FILES.index));
  await tools.exec(['zstd', '--quiet', '--force', '-3', whole, '-o', packed]);
  await encryptFile(tools, { from: packed, to: sealed }, lock);
  return await sumFile(sealed, tools);
}
