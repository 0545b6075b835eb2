/** A real Docker engine for one test file: its own socket, storage and state; gone at the end. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import { detach, mountsBelow } from '#test/support/mounts.ts';
import { hasTool, needs } from '#test/support/needs.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

const call = promisify(execFile);

const SERVER = 'dockerd';
const TOOLS = ['docker', SERVER, 'docker-compose', 'busybox', 'tar', 'umount'];
const COMMANDS = ['sh', 'sleep', 'cat', 'head', 'test', 'touch', 'true', 'rm', 'httpd'];

/** Made from this system's static busybox, since there is no registry to pull from. */
export const IMAGE = 'busybox:test';

export interface TestEngine extends AsyncDisposable {
  socket: string;
  /** Runs `docker WORDS`. @returns what it printed. */
  docker(...words: string[]): Promise<string>;
  /** Runs `docker-compose WORDS` in a directory. */
  compose(directory: string, ...words: string[]): Promise<string>;
  /** Removes all containers, volumes and networks. */
  clear(): Promise<void>;
  /** Kills the daemon, as a crash does, and leaves what it has. */
  kill(): Promise<void>;
  /** Starts it again, on the same socket. */
  restart(): Promise<void>;
}

export function canRunDocker(): boolean {
  return TOOLS.every(hasTool) && process.getuid?.() === 0;
}

/** First line of a `beforeEach`. An engine of one's own can only be started by root. */
export function needsDocker(context: Pick<TestContext, 'skip'>): void {
  needs(context, ...TOOLS);
  if (process.getuid?.() !== 0) context.skip('needs root, to start a Docker engine of its own');
}

export interface EngineWish {
  /** All that the engine keeps fits in so much memory: `48m`. */
  room?: string | undefined;
}

export async function startDocker({ room }: EngineWish = {}): Promise<TestEngine> {
  const directory = await tempDir();
  const at = (name: string) => join(directory.path, name);
  if (room !== undefined) {
    await mkdir(at('data'));
    await call('mount', ['-t', 'tmpfs', '-o', `size=${room}`, 'tmpfs', at('data')]);
  }
  const socket = at('docker.sock');
  const settings = [
    '--data-root',
    at('data'),
    '--exec-root',
    at('exec'),
    '--pidfile',
    at('pid'),
    '-H',
    `unix://${socket}`,
  ];
  // Neither bridges nor rules: what the machine has of those is another engine's.
  const apart = ['--bridge=none', '--iptables=false', '--ip6tables=false', '--max-download-attempts=1'];
  const begin = () => serve({ words: [...settings, ...apart], directory: directory.path, log: at('dockerd.log') });
  let server = await begin();
  const run = async (program: string, words: readonly string[], cwd = directory.path) => {
    const env = { ...process.env, DOCKER_HOST: `unix://${socket}` };
    return (await call(program, words, { cwd, env })).stdout.trim();
  };
  const docker = async (...words: string[]) => await run('docker', words);
  const remove = async (kind: string, ids: string) => {
    if (ids !== '') await docker(kind, 'rm', '--force', ...ids.split('\n'));
  };

  async function clear(): Promise<void> {
    await remove('container', await docker('ps', '-aq'));
    await remove('volume', await docker('volume', 'ls', '-q'));
    await docker('network', 'prune', '--force');
  }

  const answers = () =>
    eventually('dockerd answers', async () => await docker('version').then(Boolean, () => false), 30_000);

  async function stop(): Promise<void> {
    await clear().catch(() => undefined);
    await server.stop('SIGTERM');
    for (const mount of await mountsBelow(directory.path)) detach(mount);
    await directory[Symbol.asyncDispose]();
  }

  try {
    await answers();
    await importImage(docker, at('image.tar'));
  } catch (error) {
    const said = await readFile(at('dockerd.log'), 'utf8');
    await stop();
    throw new Error(`dockerd did not start: ${said.slice(-2000)}`, { cause: error });
  }
  return {
    socket,
    docker,
    clear,
    kill: () => server.stop('SIGKILL'),
    async restart() {
      // containerd has died with its engine. Until somebody has buried it, the new engine would take it for alive.
      await rm(join(directory.path, 'exec', 'containerd', 'containerd.pid'), { force: true });
      server = await begin();
      await answers();
    },
    compose: async (place, ...words) => await run('docker-compose', words, place),
    [Symbol.asyncDispose]: stop,
  };
}

interface Daemon {
  stop(signal: NodeJS.Signals): Promise<void>;
}

async function serve({ words, directory, log }: { words: string[]; directory: string; log: string }): Promise<Daemon> {
  const output = await open(log, 'a');
  // What is ended in a hurry leaves its files behind; here they go with all the rest.
  const env = { ...process.env, TMPDIR: directory, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
  const server = spawn(SERVER, words, { cwd: directory, stdio: ['ignore', output.fd, output.fd], env });
  await once(server, 'spawn');
  await output.close();
  const ended = once(server, 'exit');
  return {
    async stop(signal) {
      if (server.exitCode === null && server.signalCode === null) server.kill(signal);
      await ended;
    },
  };
}

/** The files of the image, packed by tar: this system's busybox, and the commands that it is. */
export async function imageFiles(): Promise<Buffer> {
  await using root = await tempDir();
  await mkdir(join(root.path, 'bin'));
  await mkdir(join(root.path, 'tmp'));
  const { stdout: busybox } = await call('sh', ['-c', 'command -v busybox']);
  await cp(busybox.trim(), join(root.path, 'bin', 'busybox'), { dereference: true });
  for (const command of COMMANDS) await symlink('busybox', join(root.path, 'bin', command));
  const options = { encoding: 'buffer', maxBuffer: 64 << 20 } as const;
  return (await call('tar', ['-C', root.path, '-cf', '-', '.'], options)).stdout;
}

async function importImage(docker: TestEngine['docker'], file: string): Promise<void> {
  await writeFile(file, await imageFiles());
  await docker('import', file, IMAGE);
  await rm(file);
}

/** Makes `docker compose` work where only docker-compose is installed. @returns the directory to have as HOME. */
export async function composePlugin(home: string): Promise<string> {
  const folder = join(home, '.docker', 'cli-plugins');
  const facts = '{"SchemaVersion":"0.1.0","Vendor":"test","Version":"v0"}';
  await mkdir(folder, { recursive: true });
  const script = [
    '#!/bin/sh',
    `if [ "$1" = docker-cli-plugin-metadata ]; then echo '${facts}'; exit; fi`,
    'shift',
    `echo "$*" >> ${home}/calls`,
    'exec docker-compose "$@"',
    '',
  ];
  await writeFile(join(folder, 'docker-compose'), script.join('\n'), { mode: 0o755 });
  return home;
}
