/** The simulator of vSphere that govmomi has, built once from the sources that Debian packages, and started for one test. */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import { needs } from '#test/support/needs.ts';
import { root } from '#test/support/sources.ts';
import { tempDir } from '#test/support/tmp.ts';

const run = promisify(execFile);

const GOPATH = '/usr/share/gocode';
const SOURCES = `${GOPATH}/src/github.com/vmware/govmomi/simulator`;
const MAIN = join(import.meta.dirname, 'simulator.go');

/** As the simulator calls whoever started a task, so that it is who logged in. */
export const USER = 'vcsim';
export const PASSWORD = `correct <horse> & "battery" 'staple'`;

export interface Simulator extends AsyncDisposable {
  /** `127.0.0.1:PORT`, where it speaks plain HTTP. */
  host: string;
}

export function canSimulate(): boolean {
  return existsSync(SOURCES);
}

export function needsSimulator(context: Pick<TestContext, 'skip'>): void {
  needs(context, 'go', 'flock', 'openssl');
  if (canSimulate()) return;
  const reason = 'needs the sources of govmomi; ./setup installs what tests need';
  if (process.env['CI'] === 'true') throw new Error(reason);
  context.skip(reason);
}

/** @returns the program. It takes a quarter of a minute the first time; test files side by side wait for one another. */
export async function buildSimulator(): Promise<string> {
  const hash = createHash('sha256')
    .update(await readFile(MAIN))
    .digest('hex');
  const folder = join(root, 'node_modules/.cache/vsphere-simulator');
  const program = join(folder, hash.slice(0, 16));
  if (existsSync(program)) return program;
  await mkdir(folder, { recursive: true });
  await using cache = await tempDir();
  const env = {
    ...process.env,
    GO111MODULE: 'off',
    GOPATH,
    GOCACHE: cache.path,
    GOTMPDIR: cache.path,
    CGO_ENABLED: '0',
  };
  const build = 'test -e "$1" || { go build -o "$1.new" "$2" && mv "$1.new" "$1"; }';
  await run('flock', [join(folder, 'lock'), 'sh', '-c', build, 'sh', program, MAIN], { env });
  return program;
}

export async function startSimulator(kind: 'host' | 'vcenter'): Promise<Simulator> {
  const env = { ...process.env, SIMULATOR_USER: USER, SIMULATOR_PASSWORD: PASSWORD };
  const program = await buildSimulator();
  const server = spawn(program, kind === 'host' ? ['-host'] : [], { env, stdio: ['pipe', 'pipe', 'ignore'] });
  const [host] = (await once(createInterface(server.stdout), 'line')) as [string];
  return {
    host,
    async [Symbol.asyncDispose]() {
      if (server.exitCode !== null || server.signalCode !== null) return;
      const gone = once(server, 'exit');
      server.stdin.end();
      await gone;
    },
  };
}
