/** Brings a set to a destination, and proves that what is there is the set. */
import { rm } from 'node:fs/promises';
import type { ArchiveInput, ArchiveOutput } from '#archive/action.ts';
import { verifyParts } from '#archive/checksum.ts';
import { formatBytes } from '#archive/format.ts';
import { openSet } from '#archive/open-set.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { destination } from '#sdk/kinds/destination.ts';
import type { Tools } from '#sdk/tools.ts';

export async function copy(tools: Tools, input: ArchiveInput<'copy'>): Promise<ArchiveOutput<'copy'>> {
  const source = await openSet(tools, { ...input, from: input.from.filter((name) => name !== input.to) });
  try {
    const { set, service } = input;
    const { bytes } = await tools.use(destination, input.to).store({ set, service, directory: source.directory });
    return { bytes, summary: `${formatBytes(bytes)} copied to ${input.to}` };
  } finally {
    await source.release();
  }
}

export async function verifyCopy(
  tools: Tools,
  input: ArchiveInput<'verifyCopy'>,
): Promise<ArchiveOutput<'verifyCopy'>> {
  const { set, service } = input;
  const place = tools.use(destination, input.destination);
  const { directory, temporary } = await place.open({ set, service });
  try {
    let read = 0;
    const onBytes = (bytes: number) => tools.progress({ bytes: (read += bytes) });
    const { bytes, problems } = await verifyParts(directory, { signal: tools.signal, onBytes });
    const [problem] = problems;
    if (problem !== undefined) {
      const where = `the copy of ${set} on ${input.destination} is damaged`;
      throw new AutopilotError('HA_SET_CORRUPT', `${where}: ${problem.part}: ${problem.reason}`, {
        next: 'check the disk, then run the backup again',
      });
    }
    const verifiedAt = tools.now().toISOString();
    await place.annotate({ set, service, verifiedAt });
    return { bytes, verifiedAt, summary: `${formatBytes(bytes)} read back, checksums match` };
  } finally {
    if (temporary) await rm(directory, { recursive: true, force: true });
  }
}
