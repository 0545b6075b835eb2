/** Where a server of a drill's own lives: in a directory of this host, or in a container that has no network. */
import { chown, lstat, mkdir, rm, statfs } from 'node:fs/promises';
import { AutopilotError } from '#kernel/errors.ts';
import { formatBytes } from '#kernel/format.ts';
import { ifThere } from '#kernel/if-there.ts';
import { docker } from '#sdk/databases/container.ts';
import type { ServerEntry } from '#sdk/databases/entry.ts';
import { type ContainerReach, type DatabaseTools, dockerEnv } from '#sdk/databases/server.ts';
import type { Argv } from '#sdk/tools.ts';

/** A place and the user in it; the directory is empty, and nobody else's. */
export interface Room {
  directory: string;
  /** As whom the server runs; undefined: as we do, or as the image has it. */
  user: string | undefined;
  container: ContainerReach | null;
}

/** Why no server can be had: that is no fault of the dump. */
export class Unavailable extends Error {}

/** On a disk by convention, where `/tmp` may be memory; its parents let every user through, which those of the state do not. */
const PARENT = '/var/tmp';

const LABEL = 'homelab-autopilot.trial';

/** Data that is loaded, its indexes and the log of the server, for each byte of a dump. */
const ROOM_FACTOR = 3;

function directoryOf(trial: string): string {
  return `${PARENT}/homelab-autopilot-${trial}`;
}

/** @param bytes of the dumps that it is for, before compression. */
export async function hostRoom(
  tools: DatabaseTools,
  trial: string,
  { user, bytes }: { user: string | undefined; bytes: number },
): Promise<Room> {
  const directory = directoryOf(trial);
  await removeDirectory(directory);
  const { bavail, bsize } = await statfs(PARENT);
  if (bavail * bsize < bytes * ROOM_FACTOR) {
    const sizes = `${formatBytes(bavail * bsize)} are free in ${PARENT}, and ${formatBytes(bytes * ROOM_FACTOR)} may be needed`;
    throw new AutopilotError('HA_NO_SPACE', `no room to load the dumps of databases: ${sizes}`, {
      next: 'make room, or leave them out with  backup.drill.databases: false',
    });
  }
  // Who was there before makes this fail: nothing of ours goes into a directory of somebody else.
  await mkdir(directory, { mode: 0o700 });
  if (user !== undefined) {
    const uid = Number((await tools.exec(['id', '-u', user])).stdout);
    await chown(directory, uid, -1);
  }
  return { directory, user, container: null };
}

async function removeDirectory(directory: string): Promise<void> {
  const there = await ifThere(lstat(directory));
  if (there?.isDirectory() === true) await rm(directory, { recursive: true });
}

/** From the image that the server runs from: its programs fit the dump. Nothing is fetched. */
export async function containerRoom(
  tools: DatabaseTools,
  trial: string,
  { like, user }: { like: ContainerReach; user: string | undefined },
): Promise<Room> {
  const { socket, name } = like;
  const limits = ['--network', 'none', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--pull', 'never'];
  const words = ['run', '--detach', '--rm', '--label', `${LABEL}=${trial}`, ...limits, '--entrypoint', 'sleep'];
  const directory = '/tmp/autopilot';
  const as = user === undefined ? [] : ['--user', user];
  try {
    const image = await docker(tools, like, ['container', 'inspect', '--format', '{{.Image}}', like.id]);
    const id = await docker(tools, like, [...words, image, '86400']);
    await docker(tools, like, ['exec', ...as, id, 'mkdir', '-m', '700', directory]);
    return { directory, user, container: { name, id, socket } };
  } catch (error) {
    tools.signal.throwIfAborted();
    if (!(error instanceof AutopilotError) || error.code !== 'HA_COMMAND_FAILED') throw error;
    throw new Unavailable(`a container like that of ${name} cannot be set up: ${error.message}`, { cause: error });
  }
}

/** However far a trial had come. @param sockets of the engines on which it may have containers. */
export async function removeRooms(tools: DatabaseTools, trial: string, sockets: readonly string[]): Promise<void> {
  for (const socket of sockets) {
    const listed = await docker(tools, { socket }, ['ps', '--all', '--quiet', '--filter', `label=${LABEL}=${trial}`]);
    const ids = listed.split('\n').filter((id) => id !== '');
    if (ids.length > 0) await docker(tools, { socket }, ['rm', '--force', '--volumes', ...ids]);
  }
  await removeDirectory(directoryOf(trial));
}

/** @throws Unavailable */
export async function requirePrograms({ exec }: DatabaseTools, room: Room, programs: readonly string[]): Promise<void> {
  for (const program of programs) {
    const asked: Argv = [program, '--version'];
    const { container } = room;
    const argv: Argv = container === null ? asked : ['docker', 'exec', container.id, ...asked];
    const env = container === null ? {} : dockerEnv(container);
    try {
      await exec(argv, { env, timeoutMs: 30_000 });
    } catch (error) {
      if (!(error instanceof AutopilotError)) throw error;
      const where = container === null ? 'on this host' : `in the image of ${container.name}`;
      throw new Unavailable(`there is no ${program} ${where}`, { cause: error });
    }
  }
}

/** The entry of a server in a room: reached by its socket, without a password. */
export function entryIn<E extends ServerEntry>(
  entry: E,
  { user, container }: Room,
  reached: { socket: string; user?: string },
): E {
  const { host: _host, port: _port, password: _password, user: _user, container: _container, ...rest } = entry;
  const within = container === null ? {} : { container: container.name };
  return { ...rest, ...within, ...reached, run_as: user } as E;
}
