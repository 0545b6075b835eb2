/** The destinations as this process reaches them itself, without a worker. */
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { act } from '#app/act.ts';
import { createPerformer } from '#app/performer.ts';
import { refOf } from '#app/plugin-ref.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import { AutopilotError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import { nearest } from '#kernel/nearest.ts';
import type { OutputOf } from '#sdk/contract.ts';
import { destination } from '#sdk/kinds/destination.ts';
import type { PluginRef } from '#sdk/plan.ts';

/** One set at one destination. */
export interface SetPlace {
  service: string;
  set: string;
  at: PluginRef;
}

export interface Destinations extends AsyncDisposable {
  all: readonly PluginRef[];
  list(at: PluginRef, service: string | undefined): Promise<OutputOf<(typeof destination.actions)['list']>>;
  open(place: SetPlace, parts?: string[]): Promise<{ directory: string; temporary: boolean }>;
  /** Notes on the copy itself when it was found whole. */
  noteVerified(place: SetPlace, at: Date): Promise<void>;
  pin(place: SetPlace, pinned: boolean): Promise<void>;
}

export function openDestinations(
  settings: Settings,
  { only, signal }: { only: string | undefined; signal: AbortSignal },
): Destinations {
  const { config } = settings;
  const performer = createPerformer(settings, { host: config.global.host, secrets: createSecretResolver(config) });
  const acting = { performer, purpose: 'look', signal, timeoutMs: config.global.timeoutMs };
  const annotate = async ({ at, service, set }: SetPlace, change: JsonObject): Promise<void> => {
    await act(acting, destination, { action: 'annotate', plugin: at, input: { service, set, ...change } });
  };
  return {
    all: only === undefined ? config.destinations.map((one) => refOf('destination', one)) : [chosen(settings, only)],
    list: (at, service) =>
      act(acting, destination, { action: 'list', plugin: at, input: service === undefined ? {} : { service } }),
    open: ({ at, service, set }, parts) =>
      act(acting, destination, {
        action: 'open',
        plugin: at,
        input: { service, set, ...(parts === undefined ? {} : { parts }) },
      }),
    noteVerified: (place, when) => annotate(place, { verifiedAt: when.toISOString() }),
    pin: (place, pinned) => annotate(place, { pinned }),
    [Symbol.asyncDispose]: () => performer[Symbol.asyncDispose](),
  };
}

/** An open copy; what was fetched for it is removed when it is disposed of. */
export async function openCopy(destinations: Destinations, place: SetPlace, parts?: string[]) {
  const { directory, temporary } = await destinations.open(place, parts);
  return {
    directory,
    async [Symbol.asyncDispose]() {
      if (temporary) await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A name of the configuration, or the path of a folder that is a destination by itself. */
function chosen({ config: { destinations } }: Settings, name: string): PluginRef {
  const found = destinations.find((candidate) => candidate.name === name);
  if (found !== undefined) return refOf('destination', found);
  if (name.includes('/')) return refOf('destination', { name, type: 'local', config: { path: resolve(name) } });
  const names = destinations.map((candidate) => candidate.name);
  const guess = nearest(name, names);
  throw new AutopilotError('HA_NOT_FOUND', `there is no destination "${name}"`, {
    next: `${guess === undefined ? '' : `Did you mean "${guess}"? `}There are: ${names.join(', ') || 'none'}; a path works too`,
  });
}
