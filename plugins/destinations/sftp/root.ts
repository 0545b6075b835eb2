/** The directory on the server: whether it is there, writable, and how much room it has. */
import { AutopilotError } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { Session } from './connection.ts';
import { isUnsupported, STATUS, statusOf } from './errors.ts';

/** It is never made: on a server, too, a missing directory may be a disk that is away. */
export async function requireRoot({ tools, sftp, ask }: Session): Promise<void> {
  const { path, host } = tools.config;
  try {
    const stats = await ask<{ isDirectory(): boolean }>(`look at ${path}`, (answer) => sftp.stat(path, answer));
    if (stats.isDirectory()) return;
  } catch (error) {
    if (statusOf(error) !== STATUS.noSuchFile) throw error;
  }
  throw new AutopilotError('HA_DESTINATION_UNUSABLE', `${tools.name}: ${path} on ${host} is not a directory`, {
    next: `make it there, or mount its disk:  mkdir -p ${path}`,
  });
}

export async function tryToWrite({ tools, sftp, ask }: Session): Promise<void> {
  const probe = `${tools.config.path}/.autopilot-probe-${newId()}`;
  const handle = await ask<Buffer>(`write to ${tools.config.path}`, (answer) => sftp.open(probe, 'wx', answer));
  await ask('close a file', (answer) => sftp.close(handle, answer));
  await ask(`remove ${probe}`, (answer) => sftp.unlink(probe, answer));
}

interface FileSystem {
  f_frsize: number;
  f_bavail: number;
}

/** Undefined where the server does not tell; OpenSSH does. */
export async function freeBytes({ tools, sftp, ask }: Session): Promise<number | undefined> {
  const { path } = tools.config;
  try {
    const fs = await ask<FileSystem>('ask for the free room', (answer) => sftp.ext_openssh_statvfs(path, answer));
    return fs.f_bavail * fs.f_frsize;
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    return undefined;
  }
}
