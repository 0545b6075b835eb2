/** The restore points of a call, from a configuration or from a bare destination. */
import { resolve } from 'node:path';
import type { Backups } from '#app/backup-types.ts';
import type { Settings } from '#app/settings.ts';
import { settingsOf } from '#cli/actions/settings.ts';
import type { Context } from '#cli/context.ts';
import { type Call, given, text } from '#cli/spec.ts';
import { AutopilotError } from '#kernel/errors.ts';

export interface OpenedBackups {
  settings: Settings;
  backups: Backups;
}

/** Opens the restore points for the length of the work. */
export async function withBackups<T>(
  context: Context,
  call: Call,
  work: (opened: OpenedBackups) => Promise<T>,
): Promise<T> {
  const destination = text(call, 'destination');
  const settings = await settingsFor(context, call, destination);
  await using backups = await context.rooms.openBackups(settings, {
    ...given('destination', destination),
    ...given('identity', identityOf(call)),
    signal: context.interrupted,
  });
  return await work({ settings, backups });
}

function identityOf(call: Call): string | undefined {
  const file = text(call, 'identity');
  return file === undefined ? undefined : resolve(file);
}

/** On a blank machine there is no configuration yet: the path of a destination is enough. */
async function settingsFor(context: Context, call: Call, destination: string | undefined): Promise<Settings> {
  try {
    return await settingsOf(context, call);
  } catch (error) {
    const bare = destination?.includes('/') === true && text(call, 'config') === undefined;
    if (!bare || !(error instanceof AutopilotError) || error.code !== 'HA_CONFIG_UNREADABLE') throw error;
    return context.rooms.bareSettings();
  }
}
