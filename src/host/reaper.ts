/** Makes sure that no command outlives a worker that is killed without warning. */

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('reaper.sh', import.meta.url));

/**
 * A worker that gets SIGKILL cannot clean up, so a shell of about one megabyte waits at the other end of a pipe; when
 * the pipe closes, it kills the groups that are still listed. Unlike PR_SET_PDEATHSIG this reaches grandchildren, and
 * needs no privilege. Its limit: a process that made a session of its own has left the group and lives on.
 */
export class Reaper implements Disposable {
  readonly #groups = new Set<number>();
  #shell: ChildProcess | undefined;

  /**
   * Starts the shell, before the command that it shall watch: between the start of a command and `watch` there is then
   * no more than a write to a pipe, and a worker that is killed in between is the one that leaves a command behind.
   */
  prepare(): void {
    if (this.#shell === undefined) this.#start();
  }

  watch(pgid: number): void {
    this.#groups.add(pgid);
    if (this.#shell === undefined) this.#start();
    else this.#shell.stdin?.write(`+ ${pgid}\n`);
  }

  forget(pgid: number): void {
    if (this.#groups.delete(pgid)) this.#shell?.stdin?.write(`- ${pgid}\n`);
  }

  [Symbol.dispose](): void {
    this.#shell?.stdin?.end();
    this.#shell = undefined;
  }

  #start(): void {
    // A session of its own: what kills our group or our terminal's group must not kill it first.
    const shell = spawn('/bin/sh', [SCRIPT, String(process.pid)], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
      env: {},
    });
    this.#shell = shell;
    const lost = () => {
      if (this.#shell === shell) this.#shell = undefined;
    };
    shell.on('error', lost);
    shell.on('exit', lost);
    shell.stdin.on('error', lost);
    shell.unref();
    // The pipe must not keep our event loop alive. Its type says stream; it is a socket.
    if ('unref' in shell.stdin && typeof shell.stdin.unref === 'function') shell.stdin.unref();
    for (const pgid of this.#groups) shell.stdin.write(`+ ${pgid}\n`);
  }
}
