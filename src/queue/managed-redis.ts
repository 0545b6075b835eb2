/** A private Redis for one state directory: unix socket, append-only file, nothing evicted. */

import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { AutopilotError } from '#kernel/errors.ts';
import { until } from '#kernel/wait.ts';
import { reachRedis } from '#queue/connection.ts';

const run = promisify(execFile);

/** The kernel's limit for a unix socket's path is 107 bytes on Linux. */
const MAX_SOCKET_PATH = 100;

const READY_MS = 30_000;

/** Where the private Redis of a state directory listens: the same answer in every process. */
export function managedSocket(stateDir: string): string {
  const socket = join(stateDir, 'redis', 'redis.sock');
  if (Buffer.byteLength(socket) <= MAX_SOCKET_PATH) return socket;
  const hash = createHash('sha256').update(stateDir).digest('hex').slice(0, 16);
  return join(tmpdir(), `homelab-autopilot-${userInfo().uid}-${hash}`, 'redis.sock');
}

export interface ManagedRedis extends AsyncDisposable {
  child: ChildProcess;
  version: string;
}

/**
 * Starts the private Redis and waits until it answers. Who calls it ends the child.
 * @throws AutopilotError HA_TOOL_MISSING when neither redis-server nor valkey-server is installed.
 */
export async function startManagedRedis(stateDir: string): Promise<ManagedRedis> {
  const { program, version } = await findServer();
  const dir = join(stateDir, 'redis');
  const socket = managedSocket(stateDir);
  ownDirectory(dir);
  ownDirectory(dirname(socket));
  await endPredecessor(join(dir, 'redis.pid'), socket);
  rmSync(socket, { force: true });
  const child = spawn(program, serverArguments(dir, socket), { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  // A socket of a deep state directory has a folder of its own, elsewhere: it goes with the server.
  if (dirname(socket) !== dir) child.once('exit', () => rmSync(dirname(socket), { recursive: true, force: true }));
  const complaints: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk.toString()));
  const ready = await until(() => answered(socket, child), { timeoutMs: READY_MS, everyMs: 15 });
  if (ready !== true) {
    child.kill('SIGKILL');
    throw new AutopilotError(
      'HA_REDIS_UNREACHABLE',
      `${program} did not come up: ${complaints.join('').trim() || 'see its log'}`,
      {
        next: `Its log is ${join(dir, 'redis.log')}`,
      },
    );
  }
  return { child, version, [Symbol.asyncDispose]: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

/**
 * Two servers on one append-only file would destroy it. When the supervisor is killed its Redis lives on; the next
 * supervisor ends that one, politely, so that it writes out what it holds.
 */
async function endPredecessor(pidFile: string, socket: string): Promise<void> {
  const pid = Number(readIfThere(pidFile));
  // The number may belong to another program by now: only a server of ours names our socket.
  const ours = () => Number.isInteger(pid) && pid > 0 && readIfThere(`/proc/${pid}/cmdline`).includes(socket);
  if (!ours()) return;
  process.kill(pid, 'SIGTERM');
  const gone = await until(() => (ours() ? undefined : true), { timeoutMs: READY_MS, everyMs: 20 });
  if (gone !== true) process.kill(pid, 'SIGKILL');
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function serverArguments(dir: string, socket: string): string[] {
  const settings: [string, string][] = [
    ['port', '0'],
    ['unixsocket', socket],
    ['unixsocketperm', '700'],
    ['dir', dir],
    ['logfile', join(dir, 'redis.log')],
    ['pidfile', join(dir, 'redis.pid')],
    ['appendonly', 'yes'],
    ['appendfsync', 'everysec'],
    ['save', ''],
    ['maxmemory-policy', 'noeviction'],
    ['daemonize', 'no'],
    // A crash of the machine may tear the last entry; the rest must not be refused for it.
    ['aof-load-truncated', 'yes'],
  ];
  return settings.flatMap(([name, value]) => [`--${name}`, value]);
}

async function answered(socket: string, child: ChildProcess): Promise<boolean | undefined> {
  if (child.exitCode !== null || child.signalCode !== null) return false;
  try {
    const redis = await reachRedis({ socket });
    redis.disconnect();
    return true;
  } catch {
    return undefined;
  }
}

async function findServer(): Promise<{ program: string; version: string }> {
  for (const program of ['redis-server', 'valkey-server']) {
    try {
      const { stdout } = await run(program, ['--version']);
      return { program, version: /v=(\S+)/.exec(stdout)?.[1] ?? 'unknown' };
    } catch {
      // The next name is tried; the error below names both.
    }
  }
  throw new AutopilotError('HA_TOOL_MISSING', 'neither redis-server nor valkey-server is installed', {
    next: 'Install one (Debian: apt install redis-server), or name a running Redis under redis.url',
  });
}

/** The directory holds everything that Redis knows: nobody else may look, or slip something in. */
function ownDirectory(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const { uid } = statSync(dir);
  if (uid !== userInfo().uid) {
    throw new AutopilotError('HA_STATE_UNUSABLE', `${dir} belongs to another user`, {
      next: 'Choose another state_dir',
    });
  }
}
