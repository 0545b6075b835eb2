/** Brings the files of a remote set to this machine, so that they can be restored from. */
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, statfs, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { AutopilotError, systemCode } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import { type ReadingPlace, requireSet, type Which } from '#sdk/remote/layout.ts';
import { isData, partsOf } from '#sdk/sets.ts';

/** The caller removes the directory. What a process that was killed left is removed by the next one. */
export async function openSet(
  place: ReadingPlace,
  { parts, ...which }: Which & { parts?: string[] | undefined },
): Promise<{ directory: string; temporary: true }> {
  const { whole, header } = await requireSet(place, which);
  const wanted = partsOf(header).filter((part) => parts?.includes(part) ?? true);
  const sizes = new Map((await place.files.list(whole, 1)).map(({ path, bytes }) => [path, bytes]));
  const root = join(place.tools.stateDir, 'backups', 'fetched');
  await mkdir(root, { recursive: true, mode: 0o700 });
  await removeLeftOvers(root);
  const fetched = wanted.filter((part) => linkOf(place, `${whole}/${part}`, part) === undefined && sizes.has(part));
  await requireRoom(place, { root, bytes: fetched.reduce((sum, part) => sum + (sizes.get(part) ?? 0), 0) });
  const directory = join(root, `${process.pid}-${newId()}`);
  await mkdir(directory, { mode: 0o700 });
  try {
    let bytes = 0;
    const onBytes = (more: number) => place.tools.progress({ bytes: (bytes += more) });
    for (const part of wanted) await bring(place, { from: `${whole}/${part}`, part, directory, sizes, onBytes });
    return { directory, temporary: true };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw systemCode(error) === 'ENOSPC' ? noRoom(root, error) : error;
  }
}

interface Bringing {
  from: string;
  part: string;
  directory: string;
  sizes: ReadonlyMap<string, number>;
  onBytes: (bytes: number) => void;
}

/** A part that the place does not have is left out, as it would be in a local directory: the reader tells of it. */
async function bring(place: ReadingPlace, { from, part, directory, sizes, onBytes }: Bringing): Promise<void> {
  if (!sizes.has(part)) return;
  const link = linkOf(place, from, part);
  if (link !== undefined) return await symlink(link, join(directory, part));
  const { signal } = place.tools;
  await pipeline(counted(place.files.read(from), onBytes), createWriteStream(join(directory, part), { mode: 0o600 }), {
    signal,
  });
}

async function* counted(pieces: AsyncIterable<Buffer>, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    onBytes(piece.length);
    yield piece;
  }
}

/** Only the data is large, and only a command reads it, which can be killed when it hangs. */
function linkOf({ files }: ReadingPlace, path: string, part: string): string | undefined {
  return isData(part) ? files.localPath?.(path) : undefined;
}

async function requireRoom({ tools }: ReadingPlace, { root, bytes }: { root: string; bytes: number }): Promise<void> {
  const { bavail, bsize } = await statfs(root);
  if (bytes > bavail * bsize) throw noRoom(root, new Error(`${bytes} bytes are needed for a set of ${tools.name}`));
}

function noRoom(root: string, cause: unknown): AutopilotError {
  return new AutopilotError('HA_NO_SPACE', `there is no room at ${root} to fetch the set to`, {
    cause,
    next: 'free some room there, or point global.state_dir to a larger disk',
  });
}

async function removeLeftOvers(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const pid = Number(name.split('-')[0]);
    if (Number.isInteger(pid) && pid > 0 && !isAlive(pid)) await rm(join(root, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}
