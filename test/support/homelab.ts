/** A homelab of real processes in a temporary directory: the program as a user runs it. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { RunDetail } from '#engine/run.ts';
import { endChild } from '#test/support/processes.ts';
import { root } from '#test/support/sources.ts';
import { tempDir } from '#test/support/tmp.ts';

const BIN = join(root, 'bin', 'homelab-autopilot');

export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

export interface Started {
  pid: number;
  /** The address of the web pages; null for a worker. */
  url: string | null;
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** All that it said on stderr, once it has ended. */
  stderr: Promise<string>;
}

export interface TestHomelab extends AsyncDisposable {
  dir: string;
  /** Writes a file below the directory, with its parents. @returns its path. */
  write(path: string, content: string): Promise<string>;
  /** Runs the command line to its end. `config` names another configuration file of the directory. */
  cli(words: readonly string[], config?: string, env?: NodeJS.ProcessEnv): Promise<Outcome>;
  /** Starts a command that runs until it is stopped, and waits for its ready line. */
  start(words: readonly string[], config?: string): Promise<Started>;
  /** `enqueue WORKFLOW SERVICE --wait --json`, with an `--input` for each of `key=value`. */
  run(workflow: string, service: string, input?: readonly string[]): Promise<RunDetail>;
  backup(service: string): Promise<RunDetail>;
}

/** @param config the main configuration file; `DIR` in it becomes the directory. */
export async function startHomelab(config: string): Promise<TestHomelab> {
  const dir = await tempDir();
  const running = new Set<ChildProcess>();
  const write = async (path: string, content: string): Promise<string> => {
    const file = join(dir.path, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    return file;
  };
  await write('homelab-autopilot.yaml', config.replaceAll('DIR', dir.path));
  const launch = (words: readonly string[], configName: string, env: NodeJS.ProcessEnv = {}) => {
    const all = ['--config', join(dir.path, configName), ...words];
    const child = spawn(BIN, all, {
      cwd: dir.path,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...cleanEnvironment(), ...env },
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
  };
  const cli: TestHomelab['cli'] = async (words, configName = 'homelab-autopilot.yaml', env = {}) => {
    const child = launch(words, configName, env);
    const ended = once(child, 'exit');
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [status] = await ended;
    return { status: Number(status), stdout, stderr };
  };
  const run: TestHomelab['run'] = async (workflow, service, input = []) => {
    const words = ['enqueue', workflow, service, ...input.flatMap((one) => ['--input', one]), '--wait', '--json'];
    const { stdout, stderr } = await cli(words);
    const [detail] = (JSON.parse(stdout || '{"runs":[]}') as { runs: RunDetail[] }).runs;
    if (detail === undefined) throw new Error(`no run: ${stderr}`);
    return detail;
  };

  return {
    dir: dir.path,
    write,
    cli,
    async start(words, configName = 'homelab-autopilot.yaml') {
      const child = launch(words, configName);
      const complaints = text(child.stderr);
      const url = await readyLine(child).catch(async () => {
        throw new Error(`${words.join(' ')} did not start: ${await complaints}`);
      });
      return { pid: child.pid ?? 0, url, stop: (signal = 'SIGTERM') => endChild(child, signal), stderr: complaints };
    },
    run,
    backup: (service) => run('backup', service),
    async [Symbol.asyncDispose]() {
      await Promise.all([...running].map((child) => endChild(child, 'SIGTERM')));
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** The user's own settings must not decide what a test finds. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const { HOMELAB_AUTOPILOT_CONFIG: _config, HOMELAB_AUTOPILOT_HOST: _host, ...env } = process.env;
  return { ...env, NO_COLOR: '1' };
}

/** The ready line comes first; the address of the pages, if there are any, right after it. */
async function readyLine(child: ChildProcess): Promise<string | null> {
  if (child.stdout === null) throw new Error('its output is read');
  let ready = false;
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^\s*(http\S+)/.exec(line)?.[1];
    if (ready) return url ?? null;
    ready = line.startsWith('ready');
  }
  throw new Error('it ended before it was ready');
}
