/** Brings a set to a destination, and proves that what is there is the set. */
import { rm } from 'node:fs/promises';
import type { ArchiveInput, ArchiveOutput } from '#archive/action.ts';
import { verifyParts } from '#archive/checksum.ts';
import { openSet } from '#archive/open-set.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { formatBytes } from '#kernel/format.ts';
import { destination } from '#sdk/kinds/destination.ts';
import type { BoundActions, Tools } from '#sdk/tools.ts';

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
  const { bytes, how, proof } = await proveCopy(tools, input);
  const verifiedAt = tools.now().toISOString();
  await tools.use(destination, input.destination).annotate({ set, service, verifiedAt });
  return { bytes, how, verifiedAt, summary: proof };
}

/** Changes nothing. @throws AutopilotError HA_SET_CORRUPT with the part that is damaged. */
export async function proveCopy(
  tools: Tools,
  input: ArchiveInput<'verifyCopy'>,
): Promise<{ bytes: number; how: keyof typeof PROOFS; proof: string }> {
  const { set, service } = input;
  const place = tools.use(destination, input.destination);
  const { bytes, how, problems } = await (place.verify?.({ set, service }) ?? readBack(tools, place, { set, service }));
  const [problem] = problems;
  if (problem === undefined) return { bytes, how, proof: PROOFS[how](formatBytes(bytes)) };
  const where = `the copy of ${set} on ${input.destination} is damaged`;
  throw new AutopilotError('HA_SET_CORRUPT', `${where}: ${problem.part}: ${problem.reason}`, {
    next: 'check the disk, then run the backup again',
  });
}

const PROOFS = {
  'read back': (size: string) => `${size} read back, checksums match`,
  'server checksum': (size: string) => `${size}, the checksums that the server tells match; nothing was read back`,
} as const;

type Place = BoundActions<(typeof destination)['actions']>;

async function readBack(tools: Tools, place: Place, which: { set: string; service: string }) {
  const { directory, temporary } = await place.open(which);
  try {
    let read = 0;
    const onBytes = (bytes: number) => tools.progress({ bytes: (read += bytes) });
    const { bytes, problems } = await verifyParts(directory, { signal: tools.signal, onBytes });
    return { bytes, problems, how: 'read back' as const };
  } finally {
    if (temporary) await rm(directory, { recursive: true, force: true });
  }
}
