/** Walks the trees of a set: every name that goes into the archive, each directory before what is in it. */
import type { Dir, Dirent } from 'node:fs';
import { lstat, opendir, stat } from 'node:fs/promises';
import { joinRaw, type RawPath, rawBytes, rawFromBytes, rawLabel } from '#archive/raw.ts';
import { exclusionOf, type ResolvedSource } from '#archive/sources.ts';
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';

export type WalkType = 'file' | 'directory' | 'symlink' | 'special' | 'socket';

export interface Walked {
  name: RawPath;
  type: WalkType;
}

export interface WalkOptions {
  /** A directory of our own that is never part of a set, even when it lies in a source: the staging directory. */
  leaveOut?: string;
  /** Told of what the exclude patterns left out: a directory once, not what is in it. */
  onExcluded?: (name: RawPath) => void;
  /** What to do about a directory that vanished, or cannot be read. Default: it is an error. */
  onUnreadable?: (name: RawPath, error: AutopilotError) => void;
}

/** Holds one directory open at a time; memory grows with the directories that wait, not with the files. */
export async function* walk(
  source: ResolvedSource,
  options: WalkOptions = {},
): AsyncGenerator<Walked, void, undefined> {
  const excluded = exclusionOf(source);
  const ours = options.leaveOut === undefined ? undefined : await identity(options.leaveOut);
  const root = await lstat(rawBytes(absolute(source.root)));
  yield { name: source.root, type: root.isDirectory() ? 'directory' : 'file' };
  const waiting = root.isDirectory() ? [source.root] : [];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    for await (const entry of entriesOf(directory, options)) {
      const name = joinRaw(directory, rawFromBytes(entry.name));
      if (excluded(name)) {
        options.onExcluded?.(name);
        continue;
      }
      const type = typeOf(entry);
      if (type === 'directory') {
        if (ours !== undefined && ours === (await identity(rawBytes(absolute(name))))) continue;
        waiting.push(name);
      }
      yield { name, type };
    }
  }
}

/** Where a name of the archive lies on this machine. */
export function absolute(name: RawPath): RawPath {
  return `/${name}` as RawPath;
}

type RawDirent = Omit<Dirent, 'name'> & { name: Buffer };

async function* entriesOf(directory: RawPath, options: WalkOptions): AsyncGenerator<RawDirent, void, undefined> {
  try {
    // Node gives names as bytes when asked, which its types do not tell.
    const encoding = 'buffer' as BufferEncoding;
    const opened: Dir = await opendir(rawBytes(absolute(directory)), { encoding, bufferSize: 256 });
    for await (const entry of opened) yield entry as Omit<Dirent, 'name'> as RawDirent;
  } catch (error) {
    const problem = new AutopilotError(
      systemCode(error) === 'ENOENT' ? 'HA_SOURCE_MISSING' : 'HA_SOURCE_UNREADABLE',
      `/${rawLabel(directory)} cannot be read (${errorText(error)})`,
      { cause: error, next: 'run as a user who may read it, or exclude it' },
    );
    if (options.onUnreadable === undefined) throw problem;
    options.onUnreadable(directory, problem);
  }
}

function typeOf(entry: RawDirent): WalkType {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  if (entry.isSymbolicLink()) return 'symlink';
  return entry.isSocket() ? 'socket' : 'special';
}

/** Device and inode: the same directory under whatever name. */
async function identity(path: string | Buffer): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path);
    return `${dev}:${ino}`;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'EACCES') return undefined;
    throw error;
  }
}
