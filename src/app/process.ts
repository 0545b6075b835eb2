/** The frame of a worker process: reads the configuration, says when it is ready or why not, and ends when it is told. */
import { openLog } from '#app/logging.ts';
import type { Settings } from '#app/settings.ts';
import { loadSettings } from '#app/settings.ts';
import type { ErrorFacts } from '#kernel/errors.ts';
import { errorFacts } from '#kernel/errors.ts';
import type { Log } from '#sdk/tools.ts';

/** What a worker process tells its supervisor. */
export type ProcessMessage = { ready: { url: string | null } } | { failed: ErrorFacts };

/** How a supervisor hands its wishes to a worker process. */
export const ENV = {
  config: 'HOMELAB_AUTOPILOT_CONFIG',
  host: 'HOMELAB_AUTOPILOT_HOST',
  port: 'HOMELAB_AUTOPILOT_PORT',
} as const;

export interface ProcessContext {
  settings: Settings;
  log: Log;
  host: string;
}

/** Runs one worker process to its end. Ends with status 1 when it cannot start. */
export async function runProcess(
  name: string,
  start: (context: ProcessContext) => Promise<AsyncDisposable & { url?: string | null }>,
): Promise<void> {
  const told = toldToStop();
  try {
    const config = process.env[ENV.config];
    const settings = await loadSettings(config === undefined ? {} : { config });
    const log = openLog(settings.config, name);
    const host = process.env[ENV.host] ?? settings.config.global.host;
    await using running = await start({ settings, log, host });
    tell({ ready: { url: running.url ?? null } });
    log.info('ready', { pid: process.pid });
    await told;
    log.info('stopping');
  } catch (error) {
    tell({ failed: errorFacts(error) });
    process.exitCode = 1;
  }
  // A connection that a library holds open must not keep a process alive that has said good-bye.
  process.disconnect?.();
  process.exit();
}

/** Resolves on SIGTERM or SIGINT, and when the supervisor is gone: nobody would ever stop us then. */
function toldToStop(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
    process.once('disconnect', resolve);
  });
}

function tell(message: ProcessMessage): void {
  if (process.connected) process.send?.(message);
  else if ('failed' in message) process.stderr.write(`${message.failed.message}\n`);
}
