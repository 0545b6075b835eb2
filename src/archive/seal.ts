/** Reads a captured set back, writes its index and checksums, and gives it its final name. */

import { createWriteStream } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { ArchiveInput, ArchiveOutput } from '#archive/action.ts';
import { type CaptureRecord, capturedNames, readCaptureRecord } from '#archive/capture-record.ts';
import { sumFile } from '#archive/checksum.ts';
import { compareNames } from '#archive/compare-names.ts';
import { readData } from '#archive/data.ts';
import { readBackDumps, toldDumps } from '#archive/dumps.ts';
import type { ReadableSet } from '#archive/encryption/readable.ts';
import { lockOf } from '#archive/encryption/sealing.ts';
import { formatIndexLine } from '#archive/index-line.ts';
import { readHeader } from '#archive/manifest.ts';
import { oddSize } from '#archive/odd-size.ts';
import { exists, stagingPlace, WORK_FILES } from '#archive/places.ts';
import type { TarMember } from '#archive/tar/header.ts';
import { type Reading, writeParts } from '#archive/write-parts.ts';
import { flush, renameDurably } from '#kernel/durable.ts';
import { errorFacts } from '#kernel/errors.ts';
import { faultPoint } from '#kernel/fault.ts';
import { formatBytes, formatCount } from '#kernel/format.ts';
import { isDumpFile, isSealedDump } from '#sdk/databases/dump.ts';
import type { Encryption } from '#sdk/encryption.ts';
import { partsOf, SEALED_FILES, SET_FILES, type SetHeader } from '#sdk/sets.ts';
import type { Tools } from '#sdk/tools.ts';

/** A set that is sealed already is left as it is. */
export async function seal(tools: Tools, input: ArchiveInput<'seal'>): Promise<ArchiveOutput<'seal'>> {
  const place = stagingPlace(tools.stateDir, input.set);
  if (!(await exists(place.sealed))) {
    // The manifest gets its name when all else is written: with it there, an earlier execution was cut short after that.
    if (!(await exists(join(place.partial, SET_FILES.manifest)))) {
      await sealCaptured(tools, place.partial, input.encryption);
    }
    await removeWorkFiles(place.partial);
    faultPoint('seal.before-rename');
    tools.signal.throwIfAborted();
    await renameDurably(place.partial, place.sealed);
  }
  const header = await readHeader(place.sealed);
  const { counts, parts, finishedAt, purpose } = header;
  const sizeBytes = Object.values(parts).reduce((sum, part) => sum + part.bytes, 0);
  return {
    files: counts.files,
    contentBytes: counts.contentBytes,
    sizeBytes,
    verifiedAt: finishedAt,
    purpose,
    summary: `${formatCount(counts.files, 'file')} read back (${formatBytes(counts.contentBytes)})${toldDumps(dumpsIn(header))}, all match${toldEncryption(header)}`,
    warnings: oddSize(sizeBytes, input.usualBytes),
  };
}

/**
 * A worker in a guest that went back to its snapshot has the set as it was captured, and has lost what was sealed since. It
 * never fails: of a set that is not whole there may be copies, and the step that puts it back tells when there are none.
 */
export async function reseal(tools: Tools, input: ArchiveInput<'reseal'>): Promise<ArchiveOutput<'reseal'>> {
  const place = stagingPlace(tools.stateDir, input.set);
  if (await exists(place.sealed)) return { summary: 'the set is here as it was' };
  if (!(await exists(place.partial))) return { summary: 'nothing of the set is here' };
  try {
    return { summary: (await seal(tools, input)).summary };
  } catch (error) {
    tools.signal.throwIfAborted();
    return { summary: `what is here of the set is not whole: ${errorFacts(error).message}` };
  }
}

/** By their files: the head of an encrypted set names no database. */
function dumpsIn(header: SetHeader): string[] {
  return partsOf(header).filter((name) => isDumpFile(name) || isSealedDump(name));
}

function toldEncryption({ encryption }: SetHeader): string {
  if (encryption === null) return '';
  const whose = `; encrypted for ${formatCount(encryption.recipients.length, 'recipient')}`;
  if (encryption.readBackWith === 'identity') return `${whose}, opened with the identity`;
  return `${whose}, opened with a key of its own that is gone now: whether their identity opens it was not tried`;
}

async function sealCaptured(tools: Tools, directory: string, encryption: Encryption | undefined): Promise<void> {
  const record = await readCaptureRecord(directory);
  await readBackDumps(tools, directory, record.dumps);
  const captured = record.encryption;
  const lock = captured === null ? null : await lockOf(tools, directory, { encryption, captured });
  const reading = await readBack(tools, { directory, identity: lock?.identity ?? null }, record);
  await writeParts(tools, { directory, record, lock, ...reading });
}

type Captured = Pick<ReadableSet, 'directory' | 'identity'>;

/** The flush of the data, its checksum and its content go side by side: they wait for different things. */
async function readBack(tools: Tools, captured: Captured, record: CaptureRecord): Promise<Reading> {
  const path = join(captured.directory, captured.identity === null ? SET_FILES.data : SEALED_FILES.data);
  const stop = new AbortController();
  const signal = AbortSignal.any([tools.signal, stop.signal]);
  const others = Promise.allSettled([sumFile(path, { signal }), flush(path)]);
  try {
    const { counts, warnings } = await indexMembers(tools, captured, record);
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
  captured: Captured,
  record: CaptureRecord,
): Promise<Pick<Reading, 'counts' | 'warnings'>> {
  const counts = { entries: 0, files: 0, directories: 0, contentBytes: 0, skippedSockets: record.skippedSockets };
  const warnings: string[] = [];
  const names = compareNames(capturedNames(captured.directory, new Set(record.vanished)));
  const index = createWriteStream(join(captured.directory, WORK_FILES.index), { mode: 0o600 });
  const written = finished(index);
  written.catch(() => undefined);
  try {
    let bytes = 0;
    for await (const { chunk, finished: members } of readData(tools, captured)) {
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

/** Whatever is no file of the set: notes of the capture, its one-time key, dumps that lie encrypted beside themselves. */
async function removeWorkFiles(directory: string): Promise<void> {
  const parts = partsOf(await readHeader(directory));
  for (const name of await readdir(directory)) {
    if (!parts.includes(name)) await rm(join(directory, name), { recursive: true, force: true });
  }
  await flush(directory);
}
