/** Brings a set into the repository, as one snapshot. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { faultPoint } from '#kernel/fault.ts';
import { jsonIn } from '#kernel/json.ts';
import { checkedName, headerIn, type Which } from '#sdk/remote/layout.ts';
import { localHeader } from '#sdk/remote/store.ts';
import { verifySet } from '#sdk/remote/verify.ts';
import { partsOf, type SetHeader } from '#sdk/sets.ts';
import type { Repository } from './access.ts';
import { restic } from './command.ts';
import { snapshotFiles } from './files.ts';
import { unlessLocked } from './lock.ts';
import { forgetIfFree, PRUNE_LIMITS } from './remove.ts';
import { outputLines } from './run.ts';
import { heldSets } from './sets.ts';
import { readOurs } from './snapshots.ts';
import { setTags } from './tags.ts';

interface Storing extends Which {
  repository: Repository;
  directory: string;
  header: SetHeader;
  sizes: ReadonlyMap<string, number>;
  totalBytes: number;
}

export async function storeSet(
  repository: Repository,
  { service, set, directory }: Which & { directory: string },
): Promise<{ bytes: number }> {
  const name = checkedName(service);
  const header = await localHeader(directory);
  const sizes = new Map<string, number>();
  // restic leaves out what is not there, and calls that a success.
  for (const part of partsOf(header)) sizes.set(part, (await stat(join(directory, part))).size);
  const totalBytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  const storing = { repository, service: name, set, directory, header, sizes, totalBytes };
  const ours = await readOurs(repository, { service: name, set });
  const [held] = heldSets(ours);
  const state = held === undefined ? 'missing' : await stateOf(storing, held.copy.id);
  if (state === 'whole') return { bytes: totalBytes };
  const id = await backUp(storing);
  if (state === 'damaged') await requireMended(storing, id);
  await forgetOlder(
    repository,
    ours.copies.map((copy) => copy.id),
  );
  return { bytes: totalBytes };
}

/** An attempt whose last answer was lost may have done it all. A copy that is not as it should be is made again. */
async function stateOf(
  { repository, service, set, header }: Storing,
  id: string,
): Promise<'whole' | 'damaged' | 'other'> {
  const { tools } = repository;
  const files = snapshotFiles(repository, { id });
  try {
    const theirs = await headerIn(files, '');
    if (JSON.stringify(theirs) !== JSON.stringify(header)) return 'other';
    tools.log.info('a copy of the set is there already; it is read back', { set });
    return (await verifySet({ tools, files }, { service, set })).problems.length === 0 ? 'whole' : 'damaged';
  } catch (error) {
    if (error instanceof AutopilotError && error.code === 'HA_SET_CORRUPT') return 'damaged';
    throw error;
  }
}

const Line = z.discriminatedUnion('message_type', [
  z.object({ message_type: z.literal('status'), bytes_done: z.number().default(0) }),
  z.object({
    message_type: z.literal('summary'),
    snapshot_id: z.string().regex(/^[0-9a-f]{8,64}$/),
    total_files_processed: z.number(),
    total_bytes_processed: z.number(),
  }),
]);
type Summary = Extract<z.output<typeof Line>, { message_type: 'summary' }>;

/** @returns the snapshot that it made. Without all of the set in it, it does not stay. */
async function backUp(storing: Storing): Promise<string> {
  const { repository, sizes, totalBytes, set } = storing;
  let made: Summary | undefined;
  try {
    await unlessLocked(repository, () => run(storing, (summary) => (made = summary)));
  } catch (error) {
    if (made !== undefined) await forgetOlder(repository, [made.snapshot_id]);
    if (error instanceof AutopilotError && error.code === 'HA_NO_SPACE') await dropHalfWritten(repository);
    throw error;
  }
  faultPoint('copy.before-rename');
  const { name } = repository.tools;
  if (made === undefined) {
    throw new AutopilotError('HA_BAD_OUTPUT', `${name}: restic does not tell which snapshot it made`);
  }
  if (made.total_files_processed === sizes.size && made.total_bytes_processed === totalBytes) return made.snapshot_id;
  await forgetOlder(repository, [made.snapshot_id]);
  throw new AutopilotError('HA_COMMAND_FAILED', `${name}: restic did not read all of ${set}`);
}

async function run(
  { repository, directory, header, sizes, totalBytes }: Storing,
  onSummary: (summary: Summary) => void,
): Promise<void> {
  const { tools } = repository;
  const tags = setTags(header, totalBytes).map((tag) => `--tag=${tag}`);
  // Named one by one, and relative: in the snapshot they lie side by side, wherever the set lies here.
  const words = ['--json', '--force', `--host=${header.host}`, ...tags, '--', ...sizes.keys()];
  for await (const line of outputLines(repository, ['backup', ...words], { cwd: directory })) {
    const { data } = Line.safeParse(jsonIn(line));
    if (data?.message_type === 'status') tools.progress({ bytes: Math.min(data.bytes_done, totalBytes), totalBytes });
    if (data?.message_type === 'summary') onSummary(data);
    faultPoint('copy.middle');
  }
}

/** restic does not send again what it believes to have. */
async function requireMended({ repository, service, set }: Storing, id: string): Promise<void> {
  const { tools } = repository;
  const { problems } = await verifySet({ tools, files: snapshotFiles(repository, { id }) }, { service, set });
  const [problem] = problems;
  if (problem === undefined) return;
  const where = `${tools.name}: the repository is damaged where ${set} lies`;
  throw new AutopilotError('HA_SET_CORRUPT', `${where}: ${problem.part}: ${problem.reason}`, {
    next:
      'find the damaged files with  restic check --read-data , remove them and run  restic rebuild-index  ' +
      '(repair index in newer versions); the next backup then sends what is missing',
  });
}

/** What is left of them counts for nothing beside a newer copy, and goes with the set. */
async function forgetOlder(repository: Repository, ids: readonly string[]): Promise<void> {
  if (repository.tools.config.on_remove !== 'hide') await forgetIfFree(repository, ids, { prune: false });
}

/** Else every attempt would leave a little less room for the next one. */
async function dropHalfWritten(repository: Repository): Promise<void> {
  const { tools } = repository;
  if (tools.config.on_remove !== 'prune') return;
  try {
    await restic(repository, ['prune', '--quiet', ...PRUNE_LIMITS], { patient: false });
  } catch (error) {
    tools.signal.throwIfAborted();
    tools.log.warn('what was half written could not be removed', { reason: String(error) });
  }
}
