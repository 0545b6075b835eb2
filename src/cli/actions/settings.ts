/** The configuration of a call, and what every display takes from it. */
import type { Settings } from '#app/settings.ts';
import type { Context } from '#cli/context.ts';
import type { Moment } from '#cli/render/times.ts';
import { type Call, given, text } from '#cli/spec.ts';

export async function settingsOf(context: Context, call: Call): Promise<Settings> {
  return context.rooms.loadSettings(given('config', text(call, 'config')));
}

export function momentOf(context: Context, settings: Settings): Moment {
  return { zone: settings.config.global.timezone, now: context.now() };
}
