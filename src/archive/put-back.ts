/** Puts the data of a set back as a step of a run: found whole first, then all of it or none. */
import type { ArchiveInput, ArchiveOutput } from '#archive/action.ts';
import { proveCopy, verifyCopy } from '#archive/copy.ts';
import { requireLoadable } from '#archive/dumps.ts';
import { isOutOfReach } from '#archive/encryption/identity.ts';
import { readable } from '#archive/encryption/readable.ts';
import { requireWayBack } from '#archive/encryption/way-back.ts';
import { openFacts, openFactsAt, openSet } from '#archive/open-set.ts';
import { exists, removeStaging, stagingPlace } from '#archive/places.ts';
import { checkTargets, type RestoreOptions, restoreSet } from '#archive/restore/restore.ts';
import { sinceThen } from '#archive/weigh.ts';
import { AutopilotError, errorFacts } from '#kernel/errors.ts';
import { formatBytes, formatCount } from '#kernel/format.ts';
import { destination } from '#sdk/kinds/destination.ts';
import { isBelow } from '#sdk/mounts.ts';
import type { SetHeader } from '#sdk/sets.ts';
import type { Tools } from '#sdk/tools.ts';

/** Reads a whole copy through, and remembers it by name: what a rollback relies on was looked at just before. */
export async function recall(tools: Tools, input: ArchiveInput<'recall'>): Promise<ArchiveOutput<'recall'>> {
  const problems: string[] = [];
  for (const name of input.from) {
    try {
      return await recallFrom(tools, input, name);
    } catch (error) {
      tools.signal.throwIfAborted();
      // It is the same one at every destination.
      if (isOutOfReach(error)) throw error;
      problems.push(`${name}: ${errorFacts(error).message}`);
    }
  }
  throw new AutopilotError('HA_NOT_FOUND', `no destination has a whole copy of ${input.set} (${problems.join('; ')})`, {
    next: 'see which restore points there are with  homelab-autopilot backups',
  });
}

async function recallFrom(
  tools: Tools,
  { set, service, encryption }: ArchiveInput<'recall'>,
  name: string,
): Promise<ArchiveOutput<'recall'>> {
  // The facts first: a set that cannot be opened here need not be read through.
  const header = await headerOf(tools, { set, service, encryption }, name);
  const { proof } = await proveCopy(tools, { set, service, destination: name });
  if (header.release === null) {
    throw new AutopilotError('HA_NOT_FOUND', 'the set does not tell what ran when it was made', {
      next: `its files can be restored with  homelab-autopilot backups restore ${set}`,
    });
  }
  const { release, createdAt } = header;
  const sources = header.sources.map(({ path, exclude }) => ({ path, exclude }));
  const since = `what was written in the ${sinceThen(tools, createdAt)} since is not in it`;
  const summary = `${release.version ?? 'release'} of ${createdAt} on ${name}: ${proof}; ${since}`;
  return { release, createdAt, sources, from: name, summary };
}

async function headerOf(
  tools: Tools,
  { encryption, ...which }: Pick<ArchiveInput<'recall'>, 'set' | 'service' | 'encryption'>,
  name: string,
): Promise<SetHeader> {
  const opened = await openFactsAt(tools, which, name);
  try {
    return (await readable(tools, opened.directory, encryption)).header;
  } finally {
    await opened.release();
  }
}

export async function checkRestore(
  tools: Tools,
  input: ArchiveInput<'checkRestore'>,
): Promise<ArchiveOutput<'checkRestore'>> {
  if (input.wayBack) await requireWayBack(tools, input);
  // A look needs the index alone, so a far set is not fetched for it.
  const opened = await openFacts(tools, input);
  try {
    const set = await readable(tools, opened.directory, input.encryption);
    const targets = await checkTargets(tools, set, input);
    await requireLoadable(tools, input, set.header);
    return { summary: `${formatCount(targets, 'tree')} can be put back` };
  } finally {
    await opened.release();
  }
}

export async function restore(tools: Tools, input: ArchiveInput<'restore'>): Promise<ArchiveOutput<'restore'>> {
  const opened = await openSet(tools, input);
  try {
    const set = await readable(tools, opened.directory, input.encryption);
    const { createdAt } = set.header;
    const options = optionsOf(input, set.header);
    if (options === undefined) return { files: 0, bytes: 0, createdAt, summary: 'nothing to put back' };
    const { files, bytes } = await restoreSet(tools, set, options);
    const what = `${formatCount(files, 'file')} (${formatBytes(bytes)})`;
    const lost = input.data ? `, without what was written in the ${sinceThen(tools, createdAt)} since` : '';
    return { files, bytes, createdAt, summary: `${what} of ${createdAt} back${lost}` };
  } finally {
    await opened.release();
  }
}

function optionsOf({ data, config }: ArchiveInput<'restore'>, header: SetHeader): RestoreOptions | undefined {
  const files = (header.release?.configFiles ?? []).map((file) => nameInSet(header, file));
  if (data) return { overwrite: true, ...(config ? {} : { leave: files }) };
  return config && files.length > 0 ? { overwrite: true, only: files } : undefined;
}

/** A set knows its files by their real paths. */
function nameInSet({ sources }: SetHeader, file: string): string {
  const source = sources.find(({ path }) => isBelow(file, path));
  return source === undefined ? file : `${source.realPath}${file.slice(source.path.length)}`;
}

/** A full or absent destination must not keep a service from running again: then the set stays in staging. */
export async function setAside(tools: Tools, input: ArchiveInput<'setAside'>): Promise<ArchiveOutput<'setAside'>> {
  const { set, service, to } = input;
  const place = stagingPlace(tools.stateDir, set);
  if (!(await exists(place.sealed))) {
    await removeStaging(place);
    return { destination: null, verifiedAt: null, warnings: [], summary: 'nothing was replaced' };
  }
  const warnings: string[] = [];
  for (const name of to) {
    try {
      const { bytes } = await tools.use(destination, name).store({ set, service, directory: place.sealed });
      const { verifiedAt } = await verifyCopy(tools, { set, service, destination: name });
      await removeStaging(place);
      return {
        destination: name,
        verifiedAt,
        warnings,
        summary: `what was replaced is kept as ${set} on ${name} (${formatBytes(bytes)})`,
      };
    } catch (error) {
      tools.signal.throwIfAborted();
      warnings.push(`${name}: ${errorFacts(error).message}`);
    }
  }
  warnings.push(`what was replaced is kept in ${place.sealed}; move it away when you do not need it`);
  return { destination: null, verifiedAt: null, warnings, summary: `kept in ${place.sealed}` };
}
