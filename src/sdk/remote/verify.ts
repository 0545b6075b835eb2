/** Compares a copy at a remote place with its checksums: read back in pieces, or by what the server tells. */
import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import type { VerifiedHow } from '#sdk/kinds/destination.ts';
import { type ReadingPlace, requireSet, type Which } from '#sdk/remote/layout.ts';
import { partsOf, SET_FILES } from '#sdk/sets.ts';

export interface RemoteVerification {
  bytes: number;
  how: z.output<typeof VerifiedHow>;
  problems: { part: string; reason: string }[];
}

const MAX_SUMS_BYTES = 64 << 10;

/** Nothing is kept on this machine. Damage is reported; only a place that cannot be read makes it fail. */
export async function verifySet(place: ReadingPlace, which: Which): Promise<RemoteVerification> {
  const { whole, header } = await requireSet(place, which);
  const { files } = place;
  const how = files.serverSums === undefined ? 'read back' : 'server checksum';
  const report: RemoteVerification = { bytes: 0, how, problems: [] };
  const sums = await files.head(`${whole}/${SET_FILES.sums}`, MAX_SUMS_BYTES);
  if (sums === undefined) report.problems.push({ part: SET_FILES.sums, reason: 'it is missing' });
  const expected = parseSums(sums?.toString() ?? '');
  const sizes = new Map((await files.list(whole, 1)).map(({ path, bytes }) => [path, bytes]));
  const told = await files.serverSums?.(whole);
  for (const part of partsOf(header).filter((name) => name !== SET_FILES.sums && sums !== undefined)) {
    const reason = await problemOf(place, { path: `${whole}/${part}`, size: sizes.get(part), report }, (actual) => {
      const wanted = expected.get(part);
      if (wanted === undefined) return `${SET_FILES.sums} does not list it`;
      const sum = told === undefined ? actual : told.get(part);
      if (sum === undefined) return 'the server tells no checksum of it';
      return sum === wanted ? undefined : 'it does not match its checksum';
    });
    if (reason !== undefined) report.problems.push({ part, reason });
  }
  return report;
}

interface Part {
  path: string;
  /** Undefined when it is not there. */
  size: number | undefined;
  report: RemoteVerification;
}

async function problemOf(
  place: ReadingPlace,
  { path, size, report }: Part,
  judge: (actual: string | undefined) => string | undefined,
): Promise<string | undefined> {
  if (size === undefined) return 'it is missing';
  if (report.how === 'server checksum') {
    report.bytes += size;
    return judge(undefined);
  }
  const hash = createHash('sha256');
  try {
    for await (const piece of place.files.read(path)) {
      place.tools.signal.throwIfAborted();
      hash.update(piece);
      report.bytes += piece.length;
      place.tools.progress({ bytes: report.bytes });
    }
  } catch (error) {
    // Some places find damage themselves, and then give nothing that could be compared.
    if (error instanceof AutopilotError && error.code === 'HA_SET_CORRUPT') return error.message;
    throw error;
  }
  return judge(hash.digest('hex'));
}

function parseSums(text: string): Map<string, string> {
  return new Map(text.split('\n').map((line) => [line.slice(66), line.slice(0, 64)]));
}
