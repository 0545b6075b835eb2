/** The files of one snapshot, as the set in it is read. restic checks every piece that it gives. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { jsonIn } from '#kernel/json.ts';
import type { RemoteFile, RemoteReading } from '#sdk/remote/files.ts';
import { type Repository, withoutLock } from './access.ts';
import { restic } from './command.ts';
import { unlessLocked } from './lock.ts';
import { output } from './run.ts';

/** @param snapshot without one there are no files. */
export function snapshotFiles(repository: Repository, snapshot: { id: string } | undefined): RemoteReading {
  if (snapshot === undefined) return { list: async () => [], head: async () => undefined, read: nothing };
  const { id } = snapshot;
  const dump = (at: Repository, path: string) => output(at, ['dump', '--', id, `/${nameOf(path)}`]);
  // Who is stopped after the first bytes leaves his lock behind. Only the large file takes its time, and wants one.
  const quick = withoutLock(repository);
  // Each start of restic takes most of a second of computing, to make its key from the password.
  const known = new Map<string, Buffer>();
  return {
    list: async () => await list(quick, id),
    async head(path, bytes) {
      const found = known.get(nameOf(path)) ?? (await head(dump(quick, path), bytes));
      if (found !== undefined && found.length < bytes) known.set(nameOf(path), found);
      return found?.subarray(0, bytes);
    },
    read(path) {
      const found = known.get(nameOf(path));
      return found === undefined ? patiently(repository, () => dump(repository, path)) : only(found);
    },
  };
}

const Node = z.object({ struct_type: z.literal('node'), type: z.literal('file'), path: z.string(), size: z.number() });

async function list(repository: Repository, id: string): Promise<RemoteFile[]> {
  const lines = (await restic(repository, ['ls', '--json', '--', id])).split('\n');
  return lines.flatMap((line) => {
    const { data } = Node.safeParse(jsonIn(line));
    return data === undefined ? [] : [{ path: data.path.slice(1), bytes: data.size }];
  });
}

async function head(pieces: AsyncIterable<Buffer>, bytes: number): Promise<Buffer | undefined> {
  const all: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of pieces) {
      all.push(piece);
      length += piece.length;
      if (length >= bytes) break;
    }
  } catch (error) {
    if (error instanceof AutopilotError && error.code === 'HA_NOT_FOUND') return undefined;
    throw error;
  }
  return Buffer.concat(all).subarray(0, bytes);
}

/** Whoever has the repository for himself keeps it from beginning, so nothing has been given by then. */
async function* patiently(
  repository: Repository,
  start: () => AsyncGenerator<Buffer, void, undefined>,
): AsyncGenerator<Buffer, void, undefined> {
  const { pieces, first } = await unlessLocked(repository, async () => {
    const begun = start();
    return { pieces: begun, first: await begun.next() };
  });
  if (first.done === true) return;
  yield first.value;
  yield* pieces;
}

/** A snapshot is one set, without folders. */
function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

async function* nothing(): AsyncGenerator<Buffer, void, undefined> {
  yield* [];
}

async function* only(piece: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield* [piece];
}
