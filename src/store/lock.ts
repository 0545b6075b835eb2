/** One controller, and one supervisor, for one state directory: locks that die with their holders. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AutopilotError, errorText } from '#kernel/errors.ts';

/** Who there may be one of. The supervisor has a lock of its own: its controller may be dead for a moment. */
export type StateRole = 'controller' | 'supervisor';

/** What SQLite says when somebody else has the lock. */
const SQLITE_BUSY = 5;

/**
 * Takes the place of the one controller or supervisor. The lock is SQLite's own on a file of its own, so the kernel lets
 * go of it when the process dies, however it dies.
 * @throws AutopilotError HA_CONTROLLER_RUNNING with the holder's pid, HA_STATE_UNUSABLE when the directory is not writable.
 */
export function lockState(stateDir: string, role: StateRole = 'controller'): Disposable {
  const pidFile = join(stateDir, `${role}.pid`);
  let lock: DatabaseSync | undefined;
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    lock = new DatabaseSync(join(stateDir, `${role}.lock`));
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;');
    // A disk that takes no more than a few bytes, or none at all, shows it here and not in the middle of a run.
    writeFileSync(pidFile, `${process.pid}\n`);
  } catch (cause) {
    lock?.close();
    throw isBusy(cause) ? inUse(stateDir, { role, pidFile, cause }) : notUsable(stateDir, cause);
  }
  const held = lock;
  return { [Symbol.dispose]: () => held.close() };
}

/** @throws AutopilotError when a controller serves the directory already, or none could. */
export function requireFree(stateDir: string): void {
  lockState(stateDir)[Symbol.dispose]();
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

function inUse(stateDir: string, held: { role: StateRole; pidFile: string; cause: unknown }): AutopilotError {
  const { role, pidFile, cause } = held;
  const who = role === 'controller' ? 'a controller' : 'another  homelab-autopilot up';
  return new AutopilotError('HA_CONTROLLER_RUNNING', `${who} (${holder(pidFile)}) already serves ${stateDir}`, {
    cause,
    next: 'Stop it first, or give this one a state_dir of its own',
  });
}

function notUsable(stateDir: string, cause: unknown): AutopilotError {
  return new AutopilotError('HA_STATE_UNUSABLE', `the state directory ${stateDir} is not usable: ${errorText(cause)}`, {
    cause,
    next: 'Give this user write permission and room there, or set global.state_dir',
  });
}

function holder(pidFile: string): string {
  try {
    return `pid ${readFileSync(pidFile, 'utf8').trim()}`;
  } catch {
    return 'another process';
  }
}
