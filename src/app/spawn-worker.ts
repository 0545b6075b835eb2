/** Starts one of the files in `workers/` as a process of its own, and waits until it is ready. */

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ProcessMessage } from '#app/process.ts';
import { ENV } from '#app/process.ts';
import type { ErrorFacts } from '#kernel/errors.ts';
import { AutopilotError } from '#kernel/errors.ts';

export interface WorkerSpec {
  /** The file's name without ending: `controller`, `service` … */
  name: string;
  config: string;
  host: string;
  /** Null: no web pages. */
  port?: number | null;
  /** Added to its environment: a test's orders. */
  env?: Readonly<Record<string, string>>;
}

/** Small heaps: a homelab runs on small machines, and no worker holds much. */
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=1', '--max-old-space-size=512'];

/** One that cannot start ends, which is seen at once; this is for a small machine that is busy with something else. */
const READY_MS = 120_000;

/** @throws AutopilotError what the worker said when it could not start. */
export async function spawnWorker(spec: WorkerSpec): Promise<{ child: ChildProcess; url: string | null }> {
  const file = fileURLToPath(new URL(`../../workers/${spec.name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [...NODE_FLAGS, file], {
    // A group of its own: Ctrl-C reaches the supervisor alone, which then stops its workers in order.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: {
      ...process.env,
      ...spec.env,
      [ENV.config]: spec.config,
      [ENV.host]: spec.host,
      [ENV.port]: spec.port === undefined || spec.port === null ? '' : String(spec.port),
    },
  });
  const lastWords: string[] = [];
  child.stderr?.on('data', (chunk: Buffer) => lastWords.push(chunk.toString()) > 20 && lastWords.shift());
  const message = await firstMessage(child, AbortSignal.timeout(READY_MS));
  if ('ready' in message) return { child, url: message.ready.url };
  child.kill('SIGKILL');
  const { code, message: text, next } = withLastWords(message.failed, lastWords);
  throw new AutopilotError(code, text, next === undefined ? {} : { next });
}

async function firstMessage(child: ChildProcess, signal: AbortSignal): Promise<ProcessMessage> {
  const died = once(child, 'exit', { signal }).then((): ProcessMessage => failed('it ended before it was ready'));
  const said = once(child, 'message', { signal }).then(([message]) => message as ProcessMessage);
  return Promise.race([said, died]).catch(() => failed(`it was not ready within ${READY_MS / 1000} s`));
}

function failed(message: string): ProcessMessage {
  return { failed: { code: 'HA_INTERNAL', message } };
}

function withLastWords(facts: ErrorFacts, lastWords: readonly string[]): ErrorFacts {
  const words = lastWords.join('').trim();
  return facts.code === 'HA_INTERNAL' && words !== '' ? { ...facts, message: `${facts.message}\n${words}` } : facts;
}
