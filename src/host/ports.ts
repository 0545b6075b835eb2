/** What the host room needs from outside to run actions: one object for the whole life of a worker. */

import type { HostCatalog } from '#host/catalog.ts';
import type { Processes } from '#host/exec.ts';
import type { Masker } from '#host/mask.ts';
import type { SecretRef } from '#sdk/secret.ts';
import type { Log, Progress } from '#sdk/tools.ts';

export interface HostPorts {
  catalog: HostCatalog;
  processes: Processes;
  masker: Masker;
  /** The name of this host in the configuration. */
  host: string;
  stateDir: string;
  now(): Date;
  /** The value behind a reference. It is masked as soon as it is known. */
  secret(ref: SecretRef): Promise<string>;
  /** How long an action that ignores its signal is waited for, in milliseconds. Default: 15 s. */
  patienceMs?: number;
}

/** Where one step tells what it does. What is told here is masked already. */
export interface StepVoice {
  log: Log;
  progress(progress: Progress): void;
}
