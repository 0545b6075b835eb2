/** Dumps of databases in a set: made by the service that has them, read back like all else, and put back by it. */
import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchiveInput, ArchiveOutput } from '#archive/action.ts';
import { checkParts } from '#archive/checksum.ts';
import { decrypting } from '#archive/encryption/age.ts';
import { FACTS, type ReadableSet, readable, SEALED_FACTS } from '#archive/encryption/readable.ts';
import { openFacts, openSet } from '#archive/open-set.ts';
import { removeStaging, stagingPlace } from '#archive/places.ts';
import { corrupt } from '#archive/tar/corrupt.ts';
import { stagingFull } from '#archive/tar/report.ts';
import { flush } from '#kernel/durable.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { formatCount } from '#kernel/format.ts';
import { type Dump, sealedDump } from '#sdk/databases/dump.ts';
import { unpacked } from '#sdk/databases/stream.ts';
import { service } from '#sdk/kinds/service.ts';
import { SET_FILES, type SetHeader } from '#sdk/sets.ts';
import type { BoundActions, Tools } from '#sdk/tools.ts';

/** Comes before the capture, while the servers run. What an earlier attempt left is removed first. */
export async function dump(tools: Tools, input: ArchiveInput<'dump'>): Promise<ArchiveOutput<'dump'>> {
  const { set, compression, shareable, all, missing } = input;
  const place = stagingPlace(tools.stateDir, set);
  await removeStaging(place);
  await mkdir(place.partial, { recursive: true, mode: 0o700 });
  const owner = ownerOf(tools, input);
  if (owner.dump === undefined) throw unable(input, 'dump');
  try {
    const made = await owner.dump({ directory: place.partial, level: compression.level, shareable, all, missing });
    await flush(place.partial);
    return made;
  } catch (error) {
    tools.signal.throwIfAborted();
    if (error instanceof AutopilotError && /No space left on device|Disk quota/.test(error.message)) {
      throw stagingFull(error);
    }
    throw error;
  }
}

/** Files that were captured at rest bring their database back; the others need their dump. */
export async function load(tools: Tools, input: ArchiveInput<'load'>): Promise<ArchiveOutput<'load'>> {
  const { release, image, registries } = input;
  const header = await headerOf(tools, input);
  const dumps = neededOf(header);
  if (dumps.length === 0) return { summary: 'no dump to put back' };
  const sealed = header.encryption !== null;
  const files = dumps.map((dump) => (sealed ? sealedDump(dump) : dump.file));
  const opened = await openSet(tools, { ...input, parts: [...(sealed ? SEALED_FACTS : FACTS), ...files] });
  try {
    const set = await readable(tools, opened.directory, input.encryption);
    const [problem] = (await checkParts(opened.directory, [SET_FILES.manifest, ...files], tools)).problems;
    if (problem !== undefined) throw corrupt(`${problem.part}: ${problem.reason}`);
    const owner = ownerOf(tools, input);
    if (owner.load === undefined) throw unable(input, 'load');
    return await owner.load({ directory: await plainDumps(tools, set, dumps), dumps, release, image, registries });
  } finally {
    await opened.release();
  }
}

async function headerOf(tools: Tools, input: ArchiveInput<'load'>): Promise<SetHeader> {
  const opened = await openFacts(tools, input);
  try {
    return (await readable(tools, opened.directory, input.encryption)).header;
  } finally {
    await opened.release();
  }
}

/** Where dumps lie as their service wrote them; out of an encrypted set they come for the length of the step. */
export async function plainDumps(tools: Tools, set: ReadableSet, dumps: readonly Dump[]): Promise<string> {
  const { directory, identity } = set;
  if (identity === null) return directory;
  for (const dump of dumps) {
    await using target = await open(join(set.facts, dump.file), 'wx', 0o600);
    await decrypting(tools, { path: join(directory, sealedDump(dump)), identity }, target.fd).done;
  }
  return set.facts;
}

/** Before anything is changed: whether the service knows where each dump of a set belongs. */
export async function requireLoadable(
  tools: Tools,
  input: ArchiveInput<'checkRestore'>,
  header: SetHeader,
): Promise<void> {
  const dumps = neededOf(header);
  const [first] = dumps;
  if (first === undefined) return;
  const { release } = header;
  const load = input.databases ? ownerOf(tools, input).load : undefined;
  if (load !== undefined && release !== null) {
    await load({ directory: '/', dumps, release, check: true });
    return;
  }
  throw new AutopilotError(
    'HA_RESTORE_REFUSED',
    `the set holds a dump of the ${first.type} database ${first.name}, and ${input.service} has no backup.databases`,
    { next: 'add the database to backup.databases of the service, so that it is known where it belongs' },
  );
}

function neededOf({ databases }: SetHeader): Dump[] {
  return databases.filter(({ atRest }) => !atRest);
}

type Owner = BoundActions<(typeof service)['actions']>;

function ownerOf(tools: Tools, input: { service: string }): Owner {
  return tools.use(service, input.service);
}

function unable(input: { service: string }, action: string): AutopilotError {
  return new AutopilotError('HA_PLUGIN_INVALID', `the plugin of ${input.service} has no action ${action}`);
}

/** Reads what was dumped back from the disk. @throws AutopilotError HA_SET_CORRUPT */
export async function readBackDumps(tools: Tools, directory: string, dumps: readonly Dump[]): Promise<void> {
  for (const { file, sha256, bytes } of dumps) {
    const found = await contentOf(tools, join(directory, file));
    if (found.sha256 !== sha256 || found.bytes !== bytes) throw corrupt(`${file} does not hold what was dumped`);
  }
}

async function contentOf(tools: Tools, path: string): Promise<{ sha256: string; bytes: number }> {
  const child = tools.spawn(unpacked(path), { stdout: 'pipe' });
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of child.stdout ?? []) {
    hash.update(piece);
    bytes += piece.length;
    tools.progress({ bytes });
  }
  await child.done;
  return { sha256: hash.digest('hex'), bytes };
}

/** `, 2 dumps` */
export function toldDumps(dumps: readonly unknown[]): string {
  return dumps.length === 0 ? '' : `, ${formatCount(dumps.length, 'dump')}`;
}
