/** `demo`: runs the demo of the repository. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Context } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { type Call, flag } from '#cli/spec.ts';
import { AutopilotError } from '#kernel/errors.ts';

const DEMO = fileURLToPath(new URL('../../../demo/run.ts', import.meta.url));

export async function demo(context: Context, call: Call): Promise<ExitStatus> {
  if (!existsSync(DEMO)) {
    throw new AutopilotError('HA_TOOL_MISSING', 'the demo is not part of this installation', {
      next: 'Clone the repository, and run  ./setup && npm run demo  in it',
    });
  }
  const words = [DEMO, ...(flag(call, 'keep') ? ['--keep'] : [])];
  const child = spawn(process.execPath, words, { stdio: 'inherit' });
  // The terminal sends Ctrl-C to the demo as well; a service manager's SIGTERM is passed on.
  context.interrupted.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  const [code] = await once(child, 'exit');
  if (context.interrupted.aborted) return EXIT.interrupted;
  return code === 0 ? EXIT.done : EXIT.failed;
}
