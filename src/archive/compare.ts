/** Compares what was unpacked with the index of its set, byte for byte, and some of it with what still lives unchanged. */
import { hash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import type { ArchiveInput, ArchiveOutput } from '#archive/action.ts';
import { sumFile } from '#archive/checksum.ts';
import { drillPlace } from '#archive/drill.ts';
import { indexedMember } from '#archive/index-line.ts';
import { readIndex } from '#archive/manifest.ts';
import { joinRaw, type RawPath, rawBytes, rawFromBytes, rawFromText, rawLabel } from '#archive/raw.ts';
import { corrupt } from '#archive/tar/corrupt.ts';
import type { TarMember } from '#archive/tar/header.ts';
import { absolute } from '#archive/walk.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { formatCount } from '#kernel/format.ts';
import { ifThere } from '#kernel/if-there.ts';
import type { Tools } from '#sdk/tools.ts';

/** How many living files are looked at, and how large one may be: a service is not to be slowed down by a drill. */
const SAMPLE = 100;
const SAMPLE_BYTES = 64 << 20;

/** @throws AutopilotError HA_SET_CORRUPT with the first file that came back wrong; HA_CHECK_FAILED for a living one. */
export async function compare(tools: Tools, input: ArchiveInput<'compare'>): Promise<ArchiveOutput<'compare'>> {
  const { directory, root } = drillPlace(tools.stateDir, input.place);
  const base = rawFromText(root.slice(1));
  const sample = openSample(tools.stepKey);
  let entries = 0;
  let bytes = 0;
  for await (const line of readIndex(directory)) {
    tools.signal.throwIfAborted();
    const member = indexedMember(line);
    const reason = await differs(absolute(joinRaw(base, member.name)), member, tools.signal);
    if (reason !== undefined) throw corrupt(`/${rawLabel(member.name)} did not come back as it was: ${reason}`);
    entries += 1;
    bytes += member.size;
    if (member.type === 'file' && member.size <= SAMPLE_BYTES) sample.offer(member);
    tools.progress({ files: entries, bytes });
  }
  const live = await compareLive(sample.chosen(), tools.signal);
  const also = live === 0 ? 'no living file is unchanged since' : `so do ${formatCount(live, 'living file')}`;
  return { entries, live, summary: `${formatCount(entries, 'entry', 'entries')} match the index; ${also}` };
}

/** In what a file on the disk is not what the index says; undefined when in nothing. */
async function differs(path: RawPath, member: TarMember, signal: AbortSignal): Promise<string | undefined> {
  const stats = await statsOf(path);
  if (stats === undefined) return 'it is missing';
  const type = member.type === 'hardlink' ? 'file' : member.type;
  if (typeOf(stats) !== type) return `it is no ${type}`;
  if (member.type === 'symlink') return (await linkOf(path)) === member.link ? undefined : 'it points elsewhere';
  if ((Number(stats.mode) & 0o7777) !== member.mode) return 'its mode is another';
  if (member.type !== 'file') return undefined;
  if (Number(stats.size) !== member.size) return 'its size is another';
  if (stats.mtimeNs !== nanoseconds(member.mtime)) return 'its time is another';
  return (await contentOf(path, signal)) === member.sha256 ? undefined : 'its content is another';
}

/** Files whose size and time are those of the backup hold what the backup holds, or one of the two is damaged. */
async function compareLive(members: readonly TarMember[], signal: AbortSignal): Promise<number> {
  const differing: RawPath[] = [];
  let compared = 0;
  for (const member of members) {
    const path = absolute(member.name);
    if (!(await isUnchanged(path, member))) continue;
    const same = (await contentOf(path, signal)) === member.sha256;
    // One that was written to just now is no longer unchanged.
    if (!same && (await isUnchanged(path, member))) differing.push(path);
    compared += 1;
  }
  const [first] = differing;
  if (first === undefined) return compared;
  const message = `${formatCount(differing.length, 'living file')} of ${compared} looked at differ from the backup`;
  throw new AutopilotError(
    'HA_CHECK_FAILED',
    `${message} though size and time are the same; the first is ${rawLabel(first)}`,
    { next: 'one of the two is damaged: look at the file, and at the disk that it lies on' },
  );
}

async function isUnchanged(path: RawPath, { size, mtime }: TarMember): Promise<boolean> {
  const stats = await statsOf(path).catch(() => undefined);
  if (stats === undefined || !stats.isFile()) return false;
  return Number(stats.size) === size && stats.mtimeNs === nanoseconds(mtime);
}

/** A few of all, spread over them by chance, in memory that does not grow; the same for the same step. */
function openSample(seed: string): { offer(member: TarMember): void; chosen(): TarMember[] } {
  const kept: { rank: string; member: TarMember }[] = [];
  return {
    offer(member) {
      const rank = hash('sha256', `${seed} ${member.name}`, 'hex');
      if (kept.length === SAMPLE && rank >= (kept.at(-1)?.rank ?? '')) return;
      kept.push({ rank, member });
      kept.sort((a, b) => (a.rank < b.rank ? -1 : 1));
      kept.splice(SAMPLE);
    },
    chosen: () => kept.map(({ member }) => member),
  };
}

async function statsOf(path: RawPath): Promise<BigIntStats | undefined> {
  return await ifThere(lstat(rawBytes(path), { bigint: true }));
}

async function linkOf(path: RawPath): Promise<RawPath> {
  return rawFromBytes(await readlink(rawBytes(path), { encoding: 'buffer' }));
}

async function contentOf(path: RawPath, signal: AbortSignal): Promise<string> {
  return (await sumFile(rawBytes(path), { signal })).sha256;
}

function typeOf(stats: BigIntStats): Exclude<TarMember['type'], 'hardlink'> | 'socket' {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isFIFO()) return 'fifo';
  if (stats.isCharacterDevice()) return 'character';
  return stats.isBlockDevice() ? 'block' : 'socket';
}

/** An ISO time with any precision. */
function nanoseconds(iso: string): bigint {
  const fraction = /\.(\d+)Z$/.exec(iso)?.[1] ?? '';
  const seconds = BigInt(Math.floor(Date.parse(iso.replace(/\.\d+Z$/, 'Z')) / 1000));
  return seconds * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
}
