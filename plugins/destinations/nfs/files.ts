/** Files on the share, handled by the system's own small tools, so that a hanging one can be left behind. */
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PutOptions, RemoteFiles } from '#sdk/remote/files.ts';
import type { Argv } from '#sdk/tools.ts';
import { access, collect, failed, isMissing, output } from './access.ts';
import { requireSameDevice } from './guard.ts';
import type { NfsTools } from './index.ts';

/** A copy goes in pieces of this size, each flushed to the NAS within the time limit. */
const PIECE_BYTES = 64 << 20;

export function createMountedFiles(tools: NfsTools): RemoteFiles {
  const at = (path: string) => (path === '' ? tools.config.path : join(tools.config.path, path));
  return {
    list: async (folder, depth) => await list(tools, at(folder), depth),
    head: async (path, bytes) => await unlessMissing(tools, at(path), ['head', `--bytes=${bytes}`, '--', at(path)]),
    read: (path) => output(tools, ['dd', `if=${at(path)}`, 'bs=1M', 'status=none']),
    put: async (local, path, options) => await put(tools, { local, path: at(path) }, options),
    async write(path, text) {
      await access(tools, ['dd', `of=${at(path)}.new`, 'conv=fsync', 'status=none'], { input: text });
      await access(tools, ['mv', '--force', '--no-target-directory', '--', `${at(path)}.new`, at(path)]);
    },
    makeFolder: async (path) => await makeFolder(tools, path),
    remove: async (path) => void (await access(tools, ['rm', '--force', '--', at(path)])),
    removeFolder: async (path) => await removeFolder(tools, at(path)),
    async rename(from, to) {
      await access(tools, ['mv', '--no-target-directory', '--', at(from), at(to)]);
      await access(tools, ['sync', '--', dirname(at(to))]);
    },
    localPath: at,
  };
}

async function list(tools: NfsTools, folder: string, depth: number) {
  const format = '%y %s %P\\0';
  const argv: Argv = ['find', folder, '-mindepth', '1', '-maxdepth', `${depth}`, '-type', 'f', '-printf', format];
  const text = (await unlessMissing(tools, folder, argv))?.toString() ?? '';
  return text
    .split('\0')
    .filter((entry) => entry !== '')
    .map((entry) => {
      const [, size = '0', ...name] = entry.split(' ');
      return { path: name.join(' '), bytes: Number(size) };
    });
}

/** What a command prints of something, or undefined when that is not there. */
async function unlessMissing(tools: NfsTools, path: string, argv: Argv): Promise<Buffer | undefined> {
  const { code, stderr } = await access(tools, ['stat', '--format=%F', '--', path], { okCodes: [0, 1] });
  if (code !== 0 && isMissing(stderr)) return undefined;
  return await collect(output(tools, argv));
}

async function put(
  tools: NfsTools,
  { local, path }: { local: string; path: string },
  { from, onBytes }: PutOptions,
): Promise<void> {
  const { size } = await stat(local);
  // Of a piece that was cut off nobody knows what has reached the NAS; all pieces before it have.
  let at = from - (from % PIECE_BYTES);
  onBytes(at);
  do {
    tools.signal.throwIfAborted();
    const bytes = Math.min(PIECE_BYTES, size - at);
    const flags = at === 0 ? 'conv=fsync' : 'conv=fsync,notrunc';
    const range = [`skip=${at}`, `seek=${at}`, `count=${bytes}`, 'iflag=skip_bytes,count_bytes', 'oflag=seek_bytes'];
    await access(tools, ['dd', `if=${local}`, `of=${path}`, 'bs=1M', ...range, flags, 'status=none']);
    onBytes(bytes);
    at += bytes;
  } while (at < size);
  await forget(tools, path);
}

/** The copy is read back soon; what is still in memory would be compared then, and not what the NAS has. */
async function forget(tools: NfsTools, path: string): Promise<void> {
  await access(tools, ['dd', `if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
}

/** One level after the other: a missing path of the destination itself is never made. */
async function makeFolder(tools: NfsTools, path: string): Promise<void> {
  let folder = tools.config.path;
  for (const name of path.split('/')) {
    folder = join(folder, name);
    const { code, stderr } = await access(tools, ['mkdir', '--mode=700', '--', folder], { okCodes: [0, 1] });
    if (code !== 0 && !stderr.includes('File exists')) throw failed(tools, `cannot make ${folder}`, stderr);
    await requireSameDevice(tools, folder);
  }
}

async function removeFolder(tools: NfsTools, folder: string): Promise<boolean> {
  const { code, stderr } = await access(tools, ['rmdir', '--', folder], { okCodes: [0, 1] });
  if (code === 0 || isMissing(stderr)) return true;
  if (stderr.includes('not empty')) return false;
  throw failed(tools, `cannot remove ${folder}`, stderr);
}

export async function freeBytes(tools: NfsTools): Promise<number> {
  const { stdout } = await access(tools, ['stat', '--file-system', '--format=%a %S', '--', tools.config.path]);
  const [blocks = 0, size = 0] = stdout.trim().split(' ').map(Number);
  return blocks * size;
}
