/** Reads a captured set back, writes its index and checksums, and gives it its final name. */

import { createWriteStream } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { ArchiveInput, ArchiveOutput } from '#archive/action.ts';
import { type CaptureRecord, capturedNames, readCaptureRecord } from '#archive/capture-record.ts';
import { type FileSum, formatSums, sumFile } from '#archive/checksum.ts';
import { compareNames } from '#archive/compare-names.ts';
import { readData } from '#archive/data.ts';
import { readBackDumps, toldDumps } from '#archive/dumps.ts';
import { formatBytes, formatCount } from '#archive/format.ts';
import { formatIndexLine } from '#archive/index-line.ts';
import { readHeader, readScript, writeManifest } from '#archive/manifest.ts';
import { oddSize } from '#archive/odd-size.ts';
import { exists, stagingPlace, WORK_FILES } from '#archive/places.ts';
import type { TarMember } from '#archive/tar/header.ts';
import { limited } from '#archive/warnings.ts';
import { flush, renameDurably, writeFlushed } from '#kernel/durable.ts';
import { faultPoint } from '#kernel/fault.ts';
import { FORMAT_VERSION, SET_FILES, type SetHeader } from '#sdk/sets.ts';
import type { Tools } from '#sdk/tools.ts';

/** A set that is sealed already is left as it is. */
export async function seal(tools: Tools, input: ArchiveInput<'seal'>): Promise<ArchiveOutput<'seal'>> {
  const place = stagingPlace(tools.stateDir, input.set);
  if (!(await exists(place.sealed))) {
    // The manifest gets its name when all else is written: with it there, an earlier execution was cut short after that.
    if (!(await exists(join(place.partial, SET_FILES.manifest)))) {
      const record = await readCaptureRecord(place.partial);
      await readBackDumps(tools, place.partial, record.dumps);
      const reading = await readBack(tools, place.partial, record);
      await writeParts(tools, { directory: place.partial, record, ...reading });
    }
    await removeWorkFiles(place.partial);
    faultPoint('seal.before-rename');
    tools.signal.throwIfAborted();
    await renameDurably(place.partial, place.sealed);
  }
  const { counts, databases, parts, finishedAt, purpose } = await readHeader(place.sealed);
  const sizeBytes = Object.values(parts).reduce((sum, part) => sum + part.bytes, 0);
  return {
    files: counts.files,
    contentBytes: counts.contentBytes,
    sizeBytes,
    verifiedAt: finishedAt,
    purpose,
    summary: `${formatCount(counts.files, 'file')} read back (${formatBytes(counts.contentBytes)})${toldDumps(databases)}, all match`,
    warnings: oddSize(sizeBytes, input.usualBytes),
  };
}

interface Reading {
  counts: SetHeader['counts'];
  warnings: string[];
  data: FileSum;
}

/** The flush of the data, its checksum and its content go side by side: they wait for different things. */
async function readBack(tools: Tools, directory: string, record: CaptureRecord): Promise<Reading> {
  const path = join(directory, SET_FILES.data);
  const stop = new AbortController();
  const signal = AbortSignal.any([tools.signal, stop.signal]);
  const others = Promise.allSettled([sumFile(path, { signal }), flush(path)]);
  try {
    const { counts, warnings } = await indexMembers(tools, directory, record);
    const [data, flushed] = await others;
    if (data.status === 'rejected') throw data.reason;
    if (flushed.status === 'rejected') throw flushed.reason;
    return { counts, warnings, data: data.value };
  } finally {
    stop.abort();
    await others;
  }
}

async function indexMembers(
  tools: Tools,
  directory: string,
  record: CaptureRecord,
): Promise<Pick<Reading, 'counts' | 'warnings'>> {
  const counts = { entries: 0, files: 0, directories: 0, contentBytes: 0, skippedSockets: record.skippedSockets };
  const warnings: string[] = [];
  const names = compareNames(capturedNames(directory, new Set(record.vanished)));
  const index = createWriteStream(join(directory, WORK_FILES.index), { mode: 0o600 });
  const written = finished(index);
  written.catch(() => undefined);
  try {
    let bytes = 0;
    for await (const { chunk, finished: members } of readData(tools, directory)) {
      let lines = '';
      for (const member of members) {
        const warning = await names.member(member);
        if (warning !== undefined) warnings.push(warning);
        lines += `${counts.entries === 0 ? '' : ',\n'}${formatIndexLine(member)}`;
        count(counts, member);
      }
      if (lines !== '' && !index.write(lines)) await drained(index);
      bytes += chunk.length;
      tools.progress({ bytes, totalBytes: record.streamBytes, files: counts.files });
    }
    await names.end();
  } finally {
    index.end();
  }
  await written;
  return { counts, warnings };
}

async function drained(stream: NodeJS.WritableStream): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}

function count(counts: SetHeader['counts'], member: TarMember): void {
  counts.entries += 1;
  if (member.type === 'directory') counts.directories += 1;
  else counts.files += 1;
  counts.contentBytes += member.size;
}

/** Everything is on the disk before the set gets its name. */
async function writeParts(
  tools: Tools,
  { directory, record, counts, warnings, data }: Reading & { directory: string; record: CaptureRecord },
): Promise<void> {
  const script = join(directory, SET_FILES.script);
  await writeFile(script, await readScript(), { mode: 0o700, flush: true });
  const parts: SetHeader['parts'] = { [SET_FILES.data]: data, [SET_FILES.script]: await sumFile(script, tools) };
  for (const { file } of record.dumps) parts[file] = await sumFile(join(directory, file), tools);
  const header: SetHeader = {
    formatVersion: FORMAT_VERSION,
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
    warnings: limited([...record.warnings, ...warnings]),
  };
  const manifest = join(directory, WORK_FILES.manifest);
  await writeManifest(manifest, header, join(directory, WORK_FILES.index));
  const sums = new Map(Object.entries(parts).map(([name, { sha256 }]) => [name, sha256]));
  sums.set(SET_FILES.manifest, (await sumFile(manifest, tools)).sha256);
  await writeFlushed(join(directory, SET_FILES.sums), formatSums(sums));
  await rename(manifest, join(directory, SET_FILES.manifest));
  await flush(directory);
}

async function removeWorkFiles(directory: string): Promise<void> {
  const names = [WORK_FILES.names, WORK_FILES.index, WORK_FILES.capture];
  for (const name of names) await rm(join(directory, name), { force: true });
  await flush(directory);
}
