/** The tools that an action gets handed in. A plugin touches the world through these and nothing else. */
import type { Readable, Writable } from 'node:stream';
import type { Actions, InputOf, Kind, OptionalNames, OutputOf, RequiredNames } from '#sdk/contract.ts';
import type { SecretRef } from '#sdk/secret.ts';

/** A command as a list of words: never a shell string. */
export type Argv = readonly [string, ...string[]];

export interface ExecOptions {
  cwd?: string;
  /** Added to the small clean environment that every child gets. */
  env?: Record<string, string>;
  /** Written to standard input, which is closed after it. */
  input?: string | Uint8Array;
  /** The process group is killed after this many milliseconds. Default: the step's own limit. */
  timeoutMs?: number;
  /** Exit statuses that are not a failure. Default: 0 alone. */
  okCodes?: readonly number[];
  /** `background` (the default for children) runs under the configured nice and ionice. */
  priority?: 'background' | 'normal';
  /** What it prints may hold a secret that nobody knows yet: it is not logged, and no error quotes it. */
  isSecret?: boolean;
}

export interface ExecResult {
  code: number;
  /** At most the last 1 MiB of each stream. */
  stdout: string;
  stderr: string;
}

export interface SpawnOptions extends Omit<ExecOptions, 'input' | 'isSecret'> {
  /** `pipe`, `ignore`, or an open file descriptor that the child gets. Default: `ignore`. */
  stdin?: 'pipe' | 'ignore' | number;
  stdout?: 'pipe' | 'ignore' | number;
  /** Called for every line of standard error. */
  onStderr?: (line: string) => void;
}

/** A running child. Its whole process group dies with the step's signal. */
export interface Child {
  pid: number;
  stdin: Writable | null;
  stdout: Readable | null;
  /** Settles when the child has ended: with its result, or with HA_COMMAND_FAILED / HA_COMMAND_TIMEOUT. */
  done: Promise<{ code: number; stderr: string }>;
  kill(): void;
}

export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** How far a step is. Absolute numbers, not differences. */
export interface Progress {
  bytes?: number;
  totalBytes?: number;
  files?: number;
  totalFiles?: number;
  note?: string;
}

/** The actions of a named plugin instance, to be called by another action (an archive copies to a destination). */
export type BoundActions<A extends Actions> = {
  [K in RequiredNames<A>]: (input: InputOf<A[K]>) => Promise<OutputOf<A[K]>>;
} & {
  /** Missing where the plugin does not have it. */
  [K in OptionalNames<A>]?: (input: InputOf<A[K]>) => Promise<OutputOf<A[K]>>;
};

export interface Tools<C = unknown> {
  /** The instance's configuration, validated and with defaults. Secrets in it are references. */
  config: C;
  /** The name that the user gave to the instance: the service's or the destination's name. */
  name: string;
  /** The host that this runs on. */
  host: string;
  /** Stable over retries and over a second execution after a crash. */
  stepKey: string;
  /**
   * Aborted on cancel, on the time limit, and when the worker lost the right to run this step. Each look at it asks
   * anew: `tools.signal.throwIfAborted()` belongs right before a change that is made without `exec` and `fetch`.
   */
  readonly signal: AbortSignal;
  log: Log;
  /** Where this process may keep its own files (backup staging and the like). */
  stateDir: string;
  now(): Date;
  /** Tells how far the step is; cheap, call it as often as you like. */
  progress(progress: Progress): void;
  /** Runs a command to its end. Fails with HA_COMMAND_FAILED, HA_COMMAND_TIMEOUT or HA_TOOL_MISSING. */
  exec(argv: Argv, options?: ExecOptions): Promise<ExecResult>;
  /** Starts a command whose streams the caller wants. */
  spawn(argv: Argv, options?: SpawnOptions): Child;
  /** `fetch`, tied to the step's signal. */
  fetch: typeof globalThis.fetch;
  /** The value behind a reference. It is masked in all that is logged or stored from now on. */
  secret(ref: SecretRef): Promise<string>;
  /** Masks a secret that came from elsewhere than the configuration, in the same way. */
  mask(secret: string): void;
  /** A directory of this step's own, empty at first, removed when the step has ended. */
  scratch(): Promise<string>;
  /** Another plugin instance that the plan handed to this step. */
  use<A extends Actions>(kind: Kind<A>, name: string): BoundActions<A>;
}
