/** Files at a remote of rclone. A folder is not renamed: at many remotes that would copy everything once more. */
import { open } from 'node:fs/promises';
import { z } from 'zod';
import type { PutOptions, RemoteFile, RemoteFiles } from '#sdk/remote/files.ts';
import { at, logged, output, rclone, unlessMissing } from './command.ts';
import type { RcloneTools } from './index.ts';
import { requireServerSums } from './remote.ts';

export function createRcloneFiles(tools: RcloneTools): RemoteFiles {
  const files: RemoteFiles = {
    list: async (folder, depth) => await list(tools, folder, depth),
    head: async (path, bytes) =>
      await unlessMissing(() => collect(output(tools, ['cat', `--head=${bytes}`, '--', at(tools, path)]))),
    read: (path) => output(tools, ['cat', '--', at(tools, path)]),
    put: async (local, path, options) => await put(tools, { local, path }, options),
    write: async (path, text) => void (await rclone(tools, ['rcat', '--', at(tools, path)], { input: text })),
    // Folders come with the files in them; to ask for one could make a bucket.
    makeFolder: async () => undefined,
    remove: async (path) => void (await unlessMissing(() => rclone(tools, ['deletefile', '--', at(tools, path)]))),
    removeFolder: async (path) => await removeFolder(tools, path),
  };
  if (tools.config.verify_by === 'read_back') return files;
  return { ...files, serverSums: async (folder) => await serverSums(tools, folder) };
}

const Entries = z.array(z.object({ Path: z.string(), Size: z.number() }));

async function list(tools: RcloneTools, folder: string, depth: number): Promise<RemoteFile[]> {
  const options = ['--recursive', `--max-depth=${depth}`, '--files-only', '--no-modtime', '--no-mimetype'];
  const text = await unlessMissing(() => collect(output(tools, ['lsjson', ...options, '--', at(tools, folder)])));
  const entries = Entries.parse(JSON.parse(text?.toString() ?? '[]'));
  return entries.map(({ Path, Size }) => ({ path: Path, bytes: Math.max(0, Size) }));
}

const Stats = z.object({ stats: z.object({ bytes: z.number() }) });

/** Whatever is there is replaced: of a file with the same size nobody knows whether it is the same. */
async function put(
  tools: RcloneTools,
  { local, path }: { local: string; path: string },
  { onBytes }: PutOptions,
): Promise<void> {
  await using file = await open(local, 'r');
  const { size } = await file.stat();
  let told = 0;
  const tellUpTo = (bytes: number) => {
    if (bytes > told) onBytes(bytes - told);
    told = Math.max(told, bytes);
  };
  const options = ['--ignore-times', '--no-traverse', '--use-json-log', '--stats=1s', '--stats-log-level=NOTICE'];
  await logged(tools, ['copyto', ...options, '--', local, at(tools, path)], (line) => {
    const parsed = statsIn(line);
    if (parsed !== undefined) tellUpTo(Math.min(parsed, size));
  });
  tellUpTo(size);
}

function statsIn(line: string): number | undefined {
  try {
    return Stats.parse(JSON.parse(line)).stats.bytes;
  } catch {
    return undefined;
  }
}

async function removeFolder(tools: RcloneTools, path: string): Promise<boolean> {
  if ((await list(tools, path, 1)).length > 0) return false;
  // Where there are no folders, none is left; where there are, one that holds folders of others stays.
  try {
    await unlessMissing(() => rclone(tools, ['rmdir', '--', at(tools, path)]));
    return true;
  } catch (error) {
    if (String(error).includes('not empty')) return false;
    throw error;
  }
}

async function serverSums(tools: RcloneTools, folder: string): Promise<Map<string, string>> {
  await requireServerSums(tools);
  const text = await rclone(tools, ['hashsum', 'SHA256', '--', at(tools, folder)]);
  return new Map(
    text
      .split('\n')
      .filter((line) => /^[0-9a-f]{64} {2}/.test(line))
      .map((line) => [line.slice(66), line.slice(0, 64)]),
  );
}

async function collect(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}
