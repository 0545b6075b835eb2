/** Makes sure that no command outlives a worker that is killed without warning. */

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Words } from '#host/priority.ts';

/** The process stays the same one, and so the leader of its group. What a shell adds to the environment goes. */
const TELL_AND_BECOME = 'echo "+ $$" >&3; exec 3>&-; unset PWD OLDPWD SHLVL _; exec "$@"';

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
   * A command that tells the reaper of itself before it begins, on descriptor 3, so that there is no instant at which
   * it runs unwatched: also a worker that is killed while it starts one leaves nothing behind.
   */
  watched([program, ...words]: Words): Words {
    // Told nothing, a shell gives up an effective user that is not the real one.
    const asWeAre = process.getuid?.() === process.geteuid?.() ? [] : ['-p'];
    return ['/bin/sh', ...asWeAre, '-c', TELL_AND_BECOME, 'sh', program, ...words];
  }

  /** What a watched command gets as its descriptor 3. */
  line(): Writable | 'ignore' {
    if (this.#shell === undefined) this.#start();
    return this.#shell?.stdin ?? 'ignore';
  }

  /** It has told of itself; this is for a reaper that must be started anew. */
  watch(pgid: number): void {
    this.#groups.add(pgid);
    if (this.#shell === undefined) this.#start();
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
