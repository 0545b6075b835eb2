/** Runs commands on this machine: argument lists, a clean environment, and a process group that ends as a whole. */

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { Exit } from '#host/command-errors.ts';
import { commandFailed, startFailed, stopReason, tookTooLong } from '#host/command-errors.ts';
import type { Environment } from '#host/environment.ts';
import { childEnvironment } from '#host/environment.ts';
import { findTool, lookUpTool } from '#host/find-tool.ts';
import type { Capture } from '#host/output.ts';
import { capture, captureNothing } from '#host/output.ts';
import { lineLogger, tellCut } from '#host/output-log.ts';
import type { Priority, Words } from '#host/priority.ts';
import { givingWay } from '#host/priority.ts';
import { endGroup } from '#host/process-group.ts';
import { Reaper } from '#host/reaper.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import type { Argv, Child, ExecOptions, ExecResult, Log, SpawnOptions } from '#sdk/tools.ts';

export interface ProcessSettings {
  priority: Priority;
  /** Between SIGTERM and SIGKILL. A command that catches SIGTERM has this long to tidy up. Default: 2 s. */
  graceMs?: number;
}

/** What a command belongs to: the step whose signal ends it and whose log it fills. */
export interface Caller {
  signal: AbortSignal;
  log: Log;
  /** Takes the secrets out of what goes into an error message. */
  mask(text: string): string;
}

/** A process that was left behind may hold the pipe open; the command itself has ended, so we stop listening. */
const DRAIN_MS = 1_000;

/** A timer with a longer limit would fire at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** Started from here unless told otherwise, so that no command depends on the folder that we were started in. */
const DEFAULT_CWD = '/';

interface Running {
  argv: Argv;
  options: SpawnOptions;
  caller: Caller;
  child: ChildProcess;
  exit: Promise<Exit>;
  /** Resolves with the reason when it is to be ended from outside. */
  stopped: Promise<AutopilotError>;
  stderr: Capture;
}

interface Started {
  child: ChildProcess;
  done: Promise<{ code: number; stderr: string }>;
  stop: (reason: AutopilotError) => void;
}

/**
 * All commands that this process runs. A command that succeeds may leave a process behind, since that is how some
 * services are started. One that fails, is cancelled or runs out of time takes its whole group with it, and its
 * promise settles when the group is gone.
 */
export class Processes implements AsyncDisposable {
  readonly #settings: ProcessSettings;
  readonly #reaper = new Reaper();
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  constructor(settings: ProcessSettings) {
    this.#settings = settings;
  }

  async exec(argv: Argv, { input, isSecret = false, ...options }: ExecOptions, from: Caller): Promise<ExecResult> {
    const caller = isSecret ? unheard(from) : from;
    const stdin = input === undefined ? 'ignore' : 'pipe';
    const { child, done } = this.#start(argv, { ...options, stdin, stdout: 'pipe' }, caller);
    const stdout =
      child.stdout === null ? captureNothing() : capture(child.stdout, lineLogger(argv, 'stdout', caller.log));
    child.stdin?.end(input);
    const { code, stderr } = await done;
    const text = await drained(stdout);
    if (stdout.isCut()) tellCut(argv, 'stdout', caller.log);
    return { code, stdout: text, stderr };
  }

  spawn(argv: Argv, options: SpawnOptions, caller: Caller): Child {
    const { child, done, stop } = this.#start(argv, options, caller);
    const kill = () => stop(new AutopilotError('HA_CANCELLED', `${argv[0]} was stopped`));
    return { pid: child.pid ?? -1, stdin: child.stdin, stdout: child.stdout, done, kill };
  }

  /** Ends all that still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new AutopilotError('HA_CANCELLED', 'the worker is stopping'));
    await Promise.allSettled(this.#running);
    this.#reaper[Symbol.dispose]();
  }

  #start(argv: Argv, options: SpawnOptions, caller: Caller): Started {
    const signal = AbortSignal.any([caller.signal, this.#closing.signal]);
    if (signal.aborted) throw stopReason(signal.reason, argv);
    const child = launch(argv, options, { priority: this.#settings.priority, reaper: this.#reaper });
    const { promise: stopped, resolve: stop } = Promise.withResolvers<AutopilotError>();
    const stderr = listen(child, argv, { log: caller.log, onStderr: options.onStderr });
    const release = stopWhen({ signal, argv, timeoutMs: options.timeoutMs }, stop);
    const running = { argv, options, caller, child, exit: exitOf(child), stopped, stderr };
    const done = this.#supervise(running).finally(release);
    this.#running.add(done);
    // A caller may be busy with the streams when the command fails; until it looks, that is not an unhandled failure.
    done.catch(() => undefined).finally(() => this.#running.delete(done));
    return { child, done, stop };
  }

  async #supervise(running: Running): Promise<{ code: number; stderr: string }> {
    const { argv, child, exit, stopped, stderr } = running;
    if (child.pid === undefined) throw startFailed(argv, await exit, running.options.cwd);
    this.#reaper.watch(child.pid);
    try {
      const ended = await Promise.race([exit, stopped]);
      const code = successCode(ended, running.options.okCodes);
      if (code !== undefined) return { code, stderr: await drained(stderr) };
      await this.#endGroup(child.pid, running);
      if (ended instanceof AutopilotError) throw ended;
      throw commandFailed(argv, ended, running.caller.mask(await drained(stderr)));
    } finally {
      this.#reaper.forget(child.pid);
    }
  }

  async #endGroup(group: number, { argv, caller }: Running): Promise<void> {
    const gone = await endGroup(group, this.#settings.graceMs ?? 2_000);
    if (!gone) caller.log.error('a command was killed but does not end', { command: argv[0], group });
  }
}

/** Lines that were printed are what is logged as `debug`. */
function unheard(caller: Caller): Caller {
  return { ...caller, log: { ...caller.log, debug: () => undefined }, mask: () => '' };
}

function launch(
  argv: Argv,
  options: SpawnOptions,
  { priority, reaper }: { priority: Priority; reaper: Reaper },
): ChildProcess {
  const cwd = options.cwd ?? DEFAULT_CWD;
  const env = childEnvironment(process.env, options.env);
  const [program, ...words] = reaper.watched(commandWords(argv, { options, priority, env, cwd }));
  const { stdin = 'ignore', stdout = 'ignore' } = options;
  return spawn(program, words, { cwd, env, detached: true, stdio: [stdin, stdout, 'pipe', reaper.line()] });
}

function commandWords(
  argv: Argv,
  how: { options: SpawnOptions; priority: Priority; env: Environment; cwd: string },
): Words {
  const lookup = { path: how.env.PATH, cwd: how.cwd };
  const command: Words = [findTool(argv[0], lookup), ...argv.slice(1)];
  if (how.options.priority === 'normal') return command;
  return givingWay(how.priority, command, (tool) => lookUpTool(tool, lookup));
}

function exitOf(child: ChildProcess): Promise<Exit> {
  // The listeners stay: an error after the start (a failed kill) is no reason to crash.
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => resolve({ code, signal }));
    child.on('error', (error) => resolve({ error }));
  });
}

function listen(
  child: ChildProcess,
  argv: Argv,
  listeners: { log: Log; onStderr: ((line: string) => void) | undefined },
): Capture {
  // A command that ends before it has read all of its input is not an error of ours.
  child.stdin?.on('error', () => undefined);
  if (child.stderr === null) return captureNothing();
  const logLine = lineLogger(argv, 'stderr', listeners.log);
  const { onStderr } = listeners;
  if (onStderr === undefined) return capture(child.stderr, logLine);
  let logs = true;
  return capture(child.stderr, (line) => {
    logs &&= logLine(line);
    onStderr(line);
    return true;
  });
}

function stopWhen(
  limits: { signal: AbortSignal; argv: Argv; timeoutMs: number | undefined },
  stop: (reason: AutopilotError) => void,
): () => void {
  const { signal, argv, timeoutMs = LONGEST_TIMER_MS } = limits;
  const onAbort = () => stop(stopReason(signal.reason, argv));
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => stop(tookTooLong(argv, timeoutMs)), Math.min(timeoutMs, LONGEST_TIMER_MS));
  return () => {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  };
}

function successCode(ended: Exit | AutopilotError, okCodes: readonly number[] = [0]): number | undefined {
  if (ended instanceof AutopilotError || 'error' in ended || ended.code === null) return undefined;
  return okCodes.includes(ended.code) ? ended.code : undefined;
}

/** What was printed, once the stream has ended, or soon after the command has. */
async function drained(stream: Capture): Promise<string> {
  await pause(DRAIN_MS, stream.ended);
  stream.stop();
  return stream.text();
}
