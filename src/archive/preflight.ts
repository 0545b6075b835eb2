/** Looks before anything is stopped: whether all sources can be read, and whether all places have room. */
import { access, constants, lstat, statfs } from 'node:fs/promises';
import type { ArchiveInput, ArchiveOutput } from '#archive/action.ts';
import { identityWarnings, requireWayBack } from '#archive/encryption/way-back.ts';
import { stagingRoot } from '#archive/places.ts';
import { rawBytes, rawLabel } from '#archive/raw.ts';
import { existingParent } from '#archive/restore/targets.ts';
import { type ResolvedSource, resolveSources } from '#archive/sources.ts';
import { judgeSpace } from '#archive/space.ts';
import { unreadableFiles } from '#archive/tar/report.ts';
import { toolVersions } from '#archive/versions.ts';
import { absolute, type Walked, walk } from '#archive/walk.ts';
import { limited } from '#archive/warnings.ts';
import { AutopilotError, errorFacts, systemCode } from '#kernel/errors.ts';
import { formatBytes, formatCount } from '#kernel/format.ts';
import { destination } from '#sdk/kinds/destination.ts';
import type { Tools } from '#sdk/tools.ts';

interface Survey {
  files: number;
  contentBytes: number;
  /** What the files take on the disk: less than their size where they are sparse. */
  storedBytes: number;
  unreadable: string[];
}

/**
 * A destination that cannot be used is a warning while another one can: one good copy is better than none, and the
 * copy step to the other will fail the run in the end. That one lies in a source is an error in any case.
 */
export async function preflight(tools: Tools, input: ArchiveInput<'preflight'>): Promise<ArchiveOutput<'preflight'>> {
  await toolVersions(tools, { encrypts: (input.encryption?.recipients ?? []).length > 0 });
  if (input.wayBack) await requireWayBack(tools, input);
  const { sources, warnings } = await resolveSources(input.sources);
  if (!input.wayBack) warnings.push(...(await identityWarnings(tools, input.encryption)));
  const survey = await surveySources(tools, sources);
  if (survey.unreadable.length > 0) throw unreadableFiles(survey.unreadable);

  const places = await askDestinations(tools, input.destinations, sources);
  const ratio = await previousRatio(
    tools,
    places.filter(({ error }) => error === undefined),
  );
  const staging = { name: 'the staging directory', freeBytes: await freeBytes(stagingRoot(tools.stateDir)) };
  const room = judgeSpace(survey.storedBytes, ratio, staging);
  if (room.error !== undefined) throw room.error;
  for (const place of places) {
    const judged = judgeSpace(survey.storedBytes, ratio, place);
    place.error ??= judged.error;
    if (judged.warning !== undefined) warnings.push(judged.warning);
  }
  const unusable = places.filter(({ error }) => error !== undefined);
  const first = unusable[0]?.error;
  if (first !== undefined && unusable.length === places.length) throw first;
  warnings.push(...unusable.map(({ error }) => errorFacts(error).message));
  if (room.warning !== undefined) warnings.push(room.warning);
  const free = places.filter(({ error }) => error === undefined).map(({ name, freeBytes }) => told(name, freeBytes));
  const summary = [`${formatCount(survey.files, 'file')} (${formatBytes(survey.contentBytes)}) readable`, ...free];
  return {
    files: survey.files,
    contentBytes: survey.contentBytes,
    summary: summary.join(', '),
    warnings: limited(warnings),
  };
}

/** Files of a directory are looked at side by side: one at a time would wait more than work. */
const AT_ONCE = 64;

async function surveySources(tools: Tools, sources: readonly ResolvedSource[]): Promise<Survey> {
  const survey: Survey = { files: 0, contentBytes: 0, storedBytes: 0, unreadable: [] };
  const linked = new Set<string>();
  for (const source of sources) {
    let batch: Walked[] = [];
    const onUnreadable = (_name: unknown, error: AutopilotError) => {
      if (error.code === 'HA_SOURCE_UNREADABLE') survey.unreadable.push(error.message.replace(' cannot be read', ''));
    };
    for await (const entry of walk(source, { leaveOut: stagingRoot(tools.stateDir), onUnreadable })) {
      if (entry.type === 'socket') continue;
      batch.push(entry);
      if (batch.length < AT_ONCE) continue;
      await Promise.all(batch.map((one) => look(one, survey, linked)));
      batch = [];
      tools.signal.throwIfAborted();
      tools.progress({ files: survey.files, bytes: survey.contentBytes });
    }
    await Promise.all(batch.map((one) => look(one, survey, linked)));
  }
  return survey;
}

async function look({ name, type }: Walked, survey: Survey, linked: Set<string>): Promise<void> {
  const path = rawBytes(absolute(name));
  try {
    if (type === 'directory') return await access(path, constants.R_OK | constants.X_OK);
    const stats = await lstat(path);
    survey.files += 1;
    if (!stats.isFile()) return;
    await access(path, constants.R_OK);
    const key = `${stats.dev}:${stats.ino}`;
    if (stats.nlink > 1 && linked.has(key)) return;
    if (stats.nlink > 1) linked.add(key);
    survey.contentBytes += stats.size;
    survey.storedBytes += Math.min(stats.size, stats.blocks * 512);
  } catch (error) {
    // What vanishes while we look would have been a warning of the capture, if that.
    if (systemCode(error) !== 'ENOENT') survey.unreadable.push(`/${rawLabel(name)} (${systemCode(error) ?? 'error'})`);
  }
}

interface Place {
  name: string;
  freeBytes: number | null;
  error?: AutopilotError | undefined;
}

async function askDestinations(
  tools: Tools,
  names: readonly string[],
  sources: readonly ResolvedSource[],
): Promise<Place[]> {
  const paths = sources.map(({ realPath }) => realPath);
  const answers = await Promise.allSettled(names.map(async (name) => await askDestination(tools, name, paths)));
  return answers.map((answer) => {
    if (answer.status === 'rejected') throw answer.reason;
    return answer.value;
  });
}

async function askDestination(tools: Tools, name: string, sources: string[]): Promise<Place> {
  try {
    const { freeBytes } = await tools.use(destination, name).check({ sources });
    return { name, freeBytes };
  } catch (error) {
    if (!(error instanceof AutopilotError) || error.code === 'HA_CONFIG_INVALID') throw error;
    return { name, freeBytes: null, error };
  }
}

/** How small the newest set of this service became; undefined when there is none yet. */
async function previousRatio(tools: Tools, places: readonly Place[]): Promise<number | undefined> {
  for (const { name } of places) {
    const { sets } = await tools.use(destination, name).list({ service: tools.name });
    const newest = sets.at(-1);
    if (newest !== undefined && newest.contentBytes > 0) return Math.min(1, newest.sizeBytes / newest.contentBytes);
  }
  return undefined;
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs((await existingParent(`${directory}/.`)).path);
  return bavail * bsize;
}

function told(name: string, freeBytes: number | null): string {
  return freeBytes === null ? `${name} ready` : `${name} ${formatBytes(freeBytes)} free`;
}
