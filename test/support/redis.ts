/** A real Redis for one test file: private directory, random loopback port, gone at the end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import { hasTool } from '#test/support/needs.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

export interface TestRedis extends AsyncDisposable {
  url: string;
  port: number;
  /** Where it keeps its append-only file. */
  directory: string;
  pid: number;
}

/**
 * Starts `redis-server` (or `valkey-server`) as the product wants one: append-only, `noeviction`.
 * Further settings are given as they stand in a configuration file: `startRedis('--maxmemory-policy', 'allkeys-lru')`.
 */
export async function startRedis(...settings: string[]): Promise<TestRedis> {
  const directory = await tempDir();
  const port = await freePort();
  const program = hasTool('redis-server') ? 'redis-server' : 'valkey-server';
  const ours = ['--bind', '127.0.0.1', '--port', String(port), '--dir', directory.path];
  const kept = ['--save', '', '--appendonly', 'yes', '--maxmemory-policy', 'noeviction'];
  const server = spawn(program, [...ours, ...kept, ...settings], { cwd: directory.path, stdio: 'ignore' });
  await once(server, 'spawn');
  const ended = once(server, 'exit');

  async function stop(): Promise<void> {
    if (server.exitCode === null && server.signalCode === null) server.kill('SIGKILL');
    await ended;
    await directory[Symbol.asyncDispose]();
  }

  try {
    await eventually(`${program} answers on port ${port}`, async () => await answers(port));
  } catch (error) {
    await stop();
    throw error;
  }
  const url = `redis://127.0.0.1:${port}`;
  return { url, port, directory: directory.path, pid: server.pid ?? 0, [Symbol.asyncDispose]: stop };
}

/** A loopback port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

/** Any reply counts, so that a server with a password is seen as well. */
async function answers(port: number): Promise<boolean> {
  const socket = createConnection(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write('PING\r\n');
    await once(socket, 'data');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
