/** All checks of `doctor`: what this machine needs, and whether it is there. */
import { join } from 'node:path';
import type { Settings } from '#app/settings.ts';
import { loadSettings } from '#app/settings.ts';
import { channelFindings } from '#cli/doctor/channels.ts';
import { clockFinding } from '#cli/doctor/clock.ts';
import { destinationFindings } from '#cli/doctor/destinations.ts';
import { encryptionFindings } from '#cli/doctor/encryption.ts';
import { broken, ok, warning } from '#cli/doctor/finding.ts';
import { folderFinding, privacyFinding } from '#cli/doctor/folders.ts';
import { hypervisorFindings } from '#cli/doctor/hypervisors.ts';
import { redisFindings } from '#cli/doctor/redis.ts';
import { toolFindings } from '#cli/doctor/tools.ts';
import type { Finding } from '#cli/ports.ts';
import { errorFacts } from '#kernel/errors.ts';

export interface DoctorOptions {
  config?: string;
  signal: AbortSignal;
}

/** Checks everything; a configuration that cannot be read leaves what does not depend on it. */
export async function examine(options: DoctorOptions): Promise<Finding[]> {
  const path = process.env['PATH'] ?? '';
  const settings = await read(options);
  const needsRedis = 'check' in settings || settings.config.redis === null;
  const tools = await toolFindings({ path, needsRedis });
  if ('check' in settings) return [...tools, await clockFinding({ now: new Date(), path, zone: 'UTC' }), settings];
  const { config } = settings;
  const clock = await clockFinding({ now: new Date(), path, zone: config.global.timezone });
  const parts = await Promise.all([
    folders(settings),
    redisFindings(settings),
    hypervisorFindings(settings, options.signal),
    destinationFindings(settings, options.signal),
    channelFindings(settings, options.signal),
    encryptionFindings(settings, options.signal),
  ]);
  return [...tools, clock, ...configuration(settings), ...parts.flat()];
}

async function read({ config }: DoctorOptions): Promise<Settings | Finding> {
  try {
    return await loadSettings(config === undefined ? {} : { config });
  } catch (error) {
    const { message, next } = errorFacts(error);
    return broken('configuration', message, next ?? null);
  }
}

function configuration({ config, problems }: Settings): Finding[] {
  return [
    ok('configuration', config.file),
    // The modes of files with secrets are among these.
    ...config.warnings.map(({ file, line, message }) =>
      warning('configuration', `${file}:${line}: ${message}`, 'correct it'),
    ),
    ...problems.map(({ file, message }) =>
      warning('plugin', `left out: ${file}: ${message}`, 'correct it, or remove it'),
    ),
  ];
}

async function folders({ config: { global } }: Settings): Promise<Finding[]> {
  const privacy = await privacyFinding(join(global.stateDir, 'state.db'));
  const places = await Promise.all([
    folderFinding('state folder', global.stateDir),
    folderFinding('log folder', global.logDir),
  ]);
  return [...places, ...(privacy === null ? [] : [privacy])];
}
