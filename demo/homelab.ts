/** The demo's homelab in a temporary folder: the notes service, its configuration, and the program that looks after it. */

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text as readText } from 'node:stream/consumers';
import { offer } from './notes/version.ts';

const ROOT = join(import.meta.dirname, '..');
const BIN = join(ROOT, 'bin', 'homelab-autopilot');
const NOTESCTL = join(import.meta.dirname, 'notes', 'notesctl.ts');

export interface Homelab extends AsyncDisposable {
  dir: string;
  dataDir: string;
  configFile: string;
  notesUrl: string;
  queuesUrl: string;
  notesctl(command: 'start' | 'stop'): Promise<void>;
  addNotes(count: number): Promise<void>;
  /** What the service answers now. */
  answer(): Promise<{ count: number; text: string }>;
  /** Starts `homelab-autopilot up` and waits until it is ready. */
  up(): Promise<void>;
  /** Runs the command line where the reader sees it. `status`: how it must end. */
  cli(words: readonly string[], status?: number): Promise<void>;
  /** The makers of the service have a new version. */
  offer(version: string): void;
  version(): Promise<string>;
  newestRestorePoint(): Promise<{ id: string; run: string; verified: number }>;
}

export async function openHomelab(signal: AbortSignal): Promise<Homelab> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'homelab-demo-')));
  const port = await freePort();
  const dataDir = join(dir, 'notes');
  const configFile = join(dir, 'homelab-autopilot.yaml');
  await writeFile(configFile, configuration({ dir, dataDir, port }));
  const control = (command: string) => [process.execPath, NOTESCTL, command, '--data', dataDir, '--port', String(port)];
  const notesUrl = `http://127.0.0.1:${port}`;
  let stack: ChildProcess | undefined;

  const lab: Homelab = {
    dir,
    dataDir,
    configFile,
    notesUrl,
    queuesUrl: '',
    notesctl: (command) => run(control(command), { signal, show: false }).then(() => undefined),

    async addNotes(count) {
      for (let index = 1; index <= count; index++) {
        const attachment = Buffer.alloc(index * 10_000, `file ${index} `).toString('base64');
        const body = JSON.stringify({ text: `note ${index}`, attachment });
        const response = await fetch(`${notesUrl}/notes`, { method: 'POST', body, signal });
        if (!response.ok) throw new Error(`notes refused a note: ${response.status}`);
      }
    },

    async answer() {
      const text = await (await fetch(`${notesUrl}/notes`, { signal })).text();
      const { notes } = JSON.parse(text) as { notes: unknown[] };
      return { count: notes.length, text };
    },

    async up() {
      stack = spawn(BIN, ['--config', configFile, 'up', '--port', '0'], {
        // A group of its own: Ctrl-C reaches the demo, which stops the stack in order.
        detached: true,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      lab.queuesUrl = `${await pagesOf(stack)}/queues`;
    },

    async cli(words, status = 0) {
      process.stdout.write(`$ homelab-autopilot ${words.join(' ')}\n\n`);
      await run([BIN, '--config', configFile, ...words], { signal, show: true, status });
    },

    offer: (version) => offer(dataDir, version),
    version: async () => (await run(control('version'), { signal, show: false })).trim(),

    async newestRestorePoint() {
      const printed = await run([BIN, '--config', configFile, 'backups', 'notes', '--json'], { signal, show: false });
      const { restorePoints } = JSON.parse(printed) as {
        restorePoints: { id: string; copies: { verifiedAt: string | null }[] }[];
      };
      const [point] = restorePoints;
      if (point === undefined) throw new Error('there is no restore point');
      const runs = await run([BIN, '--config', configFile, 'runs', '--json'], { signal, show: false });
      const [last] = (JSON.parse(runs) as { runs: { id: string }[] }).runs;
      return {
        id: point.id,
        run: last?.id ?? '',
        verified: point.copies.filter(({ verifiedAt }) => verifiedAt !== null).length,
      };
    },

    async [Symbol.asyncDispose]() {
      if (stack !== undefined) await end(stack);
      await run(control('stop'), { show: false }).catch(() => undefined);
      await rm(dir, { recursive: true, force: true });
    },
  };
  return lab;
}

function configuration({ dir, dataDir, port }: { dir: string; dataDir: string; port: number }): string {
  const notesctl = (command: string) =>
    JSON.stringify([process.execPath, NOTESCTL, command, '--data', dataDir, '--port', String(port)]);
  return `version: 1
global: { name: demo, host: here, state_dir: ./state, log_dir: ./log }

destinations:
  usb:   { type: local, path: ${dir}/usb }
  vault: { type: local, path: ${dir}/vault }

services:
  - name: notes
    type: generic
    backup:
      paths: [${dataDir}]
      destinations: [usb, vault]
      commands: { before: [${notesctl('flush')}] }
      quiesce: { stop: [${notesctl('stop')}], start: [${notesctl('start')}] }
      retention: { keep_last: 3 }
    update:
      check: ${notesctl('newest')}
      command: ${notesctl('upgrade')}
      version: ${notesctl('version')}
      revert: ${notesctl('downgrade')}
      gate: { timeout: 3s, stable_for: 1s }
    validate: [{ type: http, url: "http://127.0.0.1:${port}/healthz" }]
`;
}

async function run(
  [program = '', ...words]: readonly string[],
  { signal, show, status = 0 }: { signal?: AbortSignal; show: boolean; status?: number },
): Promise<string> {
  const child = spawn(program, words, {
    stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
    ...(signal === undefined ? {} : { signal }),
  });
  const ended = once(child, 'exit');
  const [out, err] = await Promise.all([read(child.stdout), read(child.stderr)]);
  const [code] = await ended;
  if (code !== status) throw new Error(`${words.slice(0, 4).join(' ')} ended with status ${String(code)}\n${err}`);
  return out;
}

async function read(stream: NodeJS.ReadableStream | null): Promise<string> {
  return stream === null ? '' : readText(stream);
}

/** Waits for the ready line, and takes the address of the web pages from the one after it. */
async function pagesOf(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the output is read');
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^\s*(http\S+)/.exec(line)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error('homelab-autopilot up did not come up');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}
