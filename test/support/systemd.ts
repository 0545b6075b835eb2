/** A real systemd for one test file, as a user's instance, on a machine that may have been booted with something else. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import { needs } from '#test/support/needs.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

const run = promisify(execFile);

/** Debian keeps it out of PATH. */
const MANAGER = '/usr/lib/systemd/systemd';

/** Run in a namespace of its own, where it looks as if systemd had booted the machine. */
const START = `mount -t tmpfs none /run && mkdir -p /run/systemd/system && exec ${MANAGER} --user --log-target=null`;

export interface TestSystemd extends AsyncDisposable {
  /** XDG_RUNTIME_DIR of the instance. */
  runtime: string;
  systemctl(...words: string[]): Promise<string>;
}

/** First line of a `beforeEach`. Another view of the file system can only be made by root. */
export function needsSystemd(context: Pick<TestContext, 'skip'>): void {
  needs(context, 'systemctl', 'systemd', 'unshare');
  if (process.getuid?.() !== 0) context.skip('needs root, to start a systemd of its own');
}

/** @param units their files, by name. */
export async function startSystemd(units: Record<string, string>): Promise<TestSystemd> {
  const dir = await tempDir();
  const runtime = join(dir.path, 'run');
  const folder = join(dir.path, 'config/systemd/user');
  await mkdir(folder, { recursive: true });
  await mkdir(runtime, { mode: 0o700 });
  for (const [name, text] of Object.entries(units)) await writeFile(join(folder, name), text);
  const env = { ...process.env, XDG_RUNTIME_DIR: runtime, XDG_CONFIG_HOME: join(dir.path, 'config') };
  const manager = spawn('unshare', ['--mount', '--propagation', 'slave', 'sh', '-c', START], { env, stdio: 'ignore' });
  const ended = once(manager, 'exit');
  const systemctl = async (...words: string[]) => (await run('systemctl', ['--user', ...words], { env })).stdout;
  await eventually('systemd answers', async () => await systemctl('show').then(Boolean, () => false));
  return {
    runtime,
    systemctl,
    async [Symbol.asyncDispose]() {
      await systemctl('exit').catch(() => manager.kill('SIGKILL'));
      await ended;
      await dir[Symbol.asyncDispose]();
    },
  };
}
