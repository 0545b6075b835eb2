/** One controller for one state directory: a lock that dies with its holder. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AutopilotError, errorText } from '#kernel/errors.ts';

/**
 * Takes the controller's place. The lock is SQLite's own on a file of its own, so the kernel lets go of it when the
 * process dies, however it dies.
 * @throws AutopilotError HA_CONTROLLER_RUNNING with the holder's pid, HA_STATE_UNUSABLE when the directory is not writable.
 */
export function lockState(stateDir: string): Disposable {
  const pidFile = join(stateDir, 'controller.pid');
  let lock: DatabaseSync;
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    lock = new DatabaseSync(join(stateDir, 'controller.lock'));
  } catch (cause) {
    throw new AutopilotError(
      'HA_STATE_UNUSABLE',
      `the state directory ${stateDir} is not usable: ${errorText(cause)}`,
      {
        cause,
        next: 'Give this user write permission there, or set global.state_dir',
      },
    );
  }
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;');
  } catch (cause) {
    lock.close();
    throw new AutopilotError('HA_CONTROLLER_RUNNING', `a controller (${holder(pidFile)}) already serves ${stateDir}`, {
      cause,
      next: 'Stop it first, or give this one a state_dir of its own',
    });
  }
  writeFileSync(pidFile, `${process.pid}\n`);
  return { [Symbol.dispose]: () => lock.close() };
}

function holder(pidFile: string): string {
  try {
    return `pid ${readFileSync(pidFile, 'utf8').trim()}`;
  } catch {
    return 'another process';
  }
}
