/** Files on the server, as the sets need them. */
import { open } from 'node:fs/promises';
import type { FileEntryWithStats } from 'ssh2';
import { AutopilotError } from '#kernel/errors.ts';
import { bytesPerSecond } from '#sdk/rate.ts';
import type { RemoteFile, RemoteFiles } from '#sdk/remote/files.ts';
import { createPace } from '#sdk/remote/pace.ts';
import type { Session } from './connection.ts';
import { isUnsupported, STATUS, statusOf } from './errors.ts';
import { freeBytes } from './root.ts';
import { readPieces, sendFile, writeAll } from './transfer.ts';

/** Requests that were under way when a connection broke: before them everything has arrived. */
const IN_DOUBT_BYTES = 4 << 20;

export function createSftpFiles(session: Session): RemoteFiles {
  const { tools, sftp, ask } = session;
  const at = (path: string) => (path === '' ? tools.config.path : `${tools.config.path}/${path}`);
  return {
    list: async (folder, depth) => await list(session, at(folder), depth),
    head: async (path, bytes) => await head(session, at(path), bytes),
    read: (path) => readPieces(session, at(path)),
    put: async (local, path, { from, onBytes }) => {
      const start = Math.max(0, from - IN_DOUBT_BYTES);
      await requireRoom(session, local, start);
      onBytes(start);
      const pace = createPace(tools, bytesPerSecond(tools.config.bandwidth_limit ?? ''));
      await sendFile(session, { local, path: at(path), start }, { pace, onBytes });
    },
    async write(path, text) {
      const fresh = `${at(path)}.new`;
      const handle = await ask<Buffer>(`write ${fresh}`, (answer) => sftp.open(fresh, 'w', { mode: 0o600 }, answer));
      await writeAll(session, { handle, path: fresh }, Buffer.from(text));
      await replace(session, fresh, at(path));
    },
    async makeFolder(path) {
      const names = path.split('/');
      for (const [i] of names.entries()) await makeOne(session, at(names.slice(0, i + 1).join('/')));
    },
    remove: async (path) => await removeFile(session, at(path)),
    removeFolder: async (path) => await removeFolder(session, at(path)),
    rename: async (from, to) => await replace(session, at(from), at(to)),
  };
}

async function list(session: Session, folder: string, depth: number): Promise<RemoteFile[]> {
  const { sftp, ask } = session;
  const entries = await unlessMissing(() =>
    ask<FileEntryWithStats[]>(`list ${folder}`, (answer) => sftp.readdir(folder, answer)),
  );
  const found: RemoteFile[] = [];
  for (const { filename, attrs } of entries ?? []) {
    if (attrs.isFile()) found.push({ path: filename, bytes: attrs.size });
    if (!attrs.isDirectory() || depth === 1 || filename === '.' || filename === '..') continue;
    const below = await list(session, `${folder}/${filename}`, depth - 1);
    found.push(...below.map(({ path, bytes }) => ({ path: `${filename}/${path}`, bytes })));
  }
  return found;
}

async function head(session: Session, path: string, bytes: number): Promise<Buffer | undefined> {
  return await unlessMissing(async () => {
    const all: Buffer[] = [];
    for await (const piece of readPieces(session, path, bytes)) all.push(piece);
    return Buffer.concat(all);
  });
}

/** A server that is full answers with a plain "Failure", so the room is asked for before. */
async function requireRoom(session: Session, local: string, start: number): Promise<void> {
  const free = await freeBytes(session);
  await using file = await open(local, 'r');
  const needed = (await file.stat()).size - start;
  if (free === undefined || needed <= free) return;
  const { tools } = session;
  throw new AutopilotError('HA_NO_SPACE', `${tools.name}: ${tools.config.path} on ${tools.config.host} is full`, {
    next: 'free some room there, or keep fewer sets with backup.retention',
  });
}

/** In one act. OpenSSH replaces what is there; other servers refuse, and then it is removed first. */
async function replace(session: Session, from: string, to: string): Promise<void> {
  const { sftp, ask } = session;
  const what = `rename ${from} to ${to}`;
  try {
    await ask(what, (answer) => sftp.ext_openssh_rename(from, to, answer));
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    await removeFile(session, to);
    await ask(what, (answer) => sftp.rename(from, to, answer));
  }
}

async function removeFile({ sftp, ask }: Session, path: string): Promise<void> {
  await unlessMissing(async () => await ask(`remove ${path}`, (answer) => sftp.unlink(path, answer)));
}

async function makeOne({ sftp, ask }: Session, folder: string): Promise<void> {
  try {
    await ask(`make ${folder}`, (answer) => sftp.mkdir(folder, { mode: 0o700 }, answer));
  } catch (error) {
    if (statusOf(error) !== STATUS.failure) throw error;
    const stats = await ask<{ isDirectory(): boolean }>(`look at ${folder}`, (answer) => sftp.lstat(folder, answer));
    if (!stats.isDirectory()) throw error;
  }
}

async function removeFolder({ sftp, ask }: Session, folder: string): Promise<boolean> {
  try {
    await ask(`remove ${folder}`, (answer) => sftp.rmdir(folder, answer));
    return true;
  } catch (error) {
    if (statusOf(error) === STATUS.noSuchFile) return true;
    if (statusOf(error) === STATUS.failure) return false;
    throw error;
  }
}

async function unlessMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (statusOf(error) === STATUS.noSuchFile) return undefined;
    throw error;
  }
}
