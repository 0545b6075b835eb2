/** Reads a whole set back: every part against its checksum, every file against the index; names what is damaged. */

import { type PartProblem, verifyParts } from '#archive/checksum.ts';
import { type ReadTools, readData } from '#archive/data.ts';
import { type OpenTools, type ReadableSet, readable } from '#archive/encryption/readable.ts';
import { difference, type IndexLine, indexedMember } from '#archive/index-line.ts';
import { readIndex } from '#archive/manifest.ts';
import { rawLabel } from '#archive/raw.ts';
import type { ClosedSet } from '#archive/restore/restore.ts';
import type { TarMember } from '#archive/tar/header.ts';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { SET_FILES } from '#sdk/sets.ts';

export interface FileProblem {
  /** Absolute path of the file. */
  path: string;
  reason: string;
}

export interface VerifyReport {
  ok: boolean;
  /** Entries of the index that were found whole. */
  entries: number;
  /** Content that was read back. */
  bytes: number;
  parts: PartProblem[];
  /** Damaged files; at most the first hundred are named. */
  files: FileProblem[];
  damagedFiles: number;
  /** Entries that can be neither confirmed nor restored, because the archive cannot be read from some place on. */
  unreadableFiles: number;
}

const NAMED = 100;

/** Never fails for damage: it reports it. Fails when there is no set, when it cannot be opened, or when it was cancelled. */
export async function verifySet(
  tools: ReadTools & OpenTools,
  { directory, encryption }: ClosedSet,
): Promise<VerifyReport> {
  const report: VerifyReport = {
    ok: false,
    entries: 0,
    bytes: 0,
    parts: [],
    files: [],
    damagedFiles: 0,
    unreadableFiles: 0,
  };
  const stop = new AbortController();
  const parts = verifyParts(directory, { signal: AbortSignal.any([tools.signal, stop.signal]) });
  parts.catch(() => undefined);
  try {
    await verifyContent(tools, await readable(tools, directory, encryption), report);
  } catch (error) {
    if (!(error instanceof AutopilotError) || error.code !== 'HA_SET_CORRUPT') stop.abort();
    if (stop.signal.aborted) throw error;
    report.parts.push({ part: SET_FILES.manifest, reason: errorText(error) });
  }
  addParts(report, (await parts).problems);
  report.ok = report.parts.length === 0 && report.damagedFiles === 0 && report.unreadableFiles === 0;
  return report;
}

/** One sentence for people; the first damaged file is in it. */
export function verifySummary(report: VerifyReport): string {
  if (report.ok) return `${report.entries} entries read back, all match`;
  const files = report.files.map(({ path, reason }) => `${path}: ${reason}`);
  const parts = report.parts.map(({ part, reason }) => `${part}: ${reason}`);
  const more = report.unreadableFiles > 0 ? `; ${report.unreadableFiles} entries cannot be read` : '';
  return `${[...files, ...parts].slice(0, 3).join('; ')}${more}`;
}

async function verifyContent(tools: ReadTools, set: ReadableSet, report: VerifyReport): Promise<void> {
  const index = readIndex(set.facts);
  try {
    for await (const { finished } of readData(tools, set, { ignoreStreamChecksum: true })) {
      for (const member of finished) {
        const expected = await index.next();
        if (!compare(report, member, expected.done === true ? undefined : expected.value)) return;
      }
      tools.progress({ bytes: report.bytes, files: report.entries });
    }
    await countRest(index, report, 'the archive does not hold it');
  } catch (error) {
    const isDamage = error instanceof AutopilotError && error.code === 'HA_SET_CORRUPT';
    if (!isDamage || error.message.includes('index')) throw error;
    await countRest(index, report, error.message);
  } finally {
    await index.return();
  }
}

/** False when the archive and the index have lost each other, so that comparing on would only tell nonsense. */
function compare(report: VerifyReport, member: TarMember, line: IndexLine | undefined): boolean {
  if (line === undefined || indexedMember(line).name !== member.name) {
    damaged(report, `/${rawLabel(member.name)}`, 'the index does not list it at this place');
    return false;
  }
  const reason = difference(member, indexedMember(line));
  if (reason !== undefined) damaged(report, `/${rawLabel(member.name)}`, reason);
  else {
    report.entries += 1;
    report.bytes += member.size;
  }
  return true;
}

async function countRest(index: AsyncGenerator<IndexLine>, report: VerifyReport, reason: string): Promise<void> {
  for await (const line of index) {
    // Directories hold nothing that could be lost; the files are what a person looks for.
    if (line.type !== 'directory' && report.files.length < NAMED) {
      report.files.push({ path: `/${rawLabel(indexedMember(line).name)}`, reason: `cannot be read: ${reason}` });
    }
    report.unreadableFiles += 1;
  }
}

function damaged(report: VerifyReport, path: string, reason: string): void {
  report.damagedFiles += 1;
  if (report.files.length < NAMED) report.files.push({ path, reason });
}

function addParts(report: VerifyReport, problems: readonly PartProblem[]): void {
  for (const problem of problems) {
    if (!report.parts.some(({ part }) => part === problem.part)) report.parts.push(problem);
  }
}
