/** The product's own log: JSON lines, one file for all processes of a machine. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Config } from '#config/types.ts';
import type { Log } from '#sdk/tools.ts';

/** @param process the process's name in each line: `controller`, `service` … */
export function openLog(config: Config, process: string): Log {
  mkdirSync(config.global.logDir, { recursive: true });
  // Synchronous: a process that is about to die must not take its last words with it.
  const destination = pino.destination({ dest: join(config.global.logDir, 'main.log'), sync: true, append: true });
  const logger = pino({ level: config.global.logLevel, base: { process, host: config.global.host } }, destination);
  const line =
    (level: keyof Log) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      logger[level](fields, message);
    };
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}
