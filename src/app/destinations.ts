/** The destinations as this process reaches them itself, without a worker. */
import { resolve } from 'node:path';
import type { Performer } from '#app/performer.ts';
import { createPerformer } from '#app/performer.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import { SILENT_VOICE } from '#app/voice.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { JsonObject } from '#kernel/json.ts';
import { nearest } from '#kernel/nearest.ts';
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
  list(at: PluginRef, service: string | undefined): Promise<ReturnType<typeof ListOutput.parse>>;
  open(place: SetPlace, parts?: string[]): Promise<{ directory: string; temporary: boolean }>;
  /** Notes on the copy itself when it was found whole. */
  noteVerified(place: SetPlace, at: Date): Promise<void>;
  pin(place: SetPlace, pinned: boolean): Promise<void>;
}

const { list: ListAction, open: OpenAction } = destination.actions;
const ListOutput = ListAction.output;

export function openDestinations(
  settings: Settings,
  { only, signal }: { only: string | undefined; signal: AbortSignal },
): Destinations {
  const { config } = settings;
  const performer = createPerformer(settings, { host: config.global.host, secrets: createSecretResolver(config) });
  const act = createAct(performer, { signal, timeoutMs: config.global.timeoutMs });
  return {
    all: only === undefined ? config.destinations.map(refOf) : [chosen(settings, only)],
    list: async (at, service) =>
      ListOutput.parse(await act(at, 'list', { input: service === undefined ? {} : { service } })),
    open: async ({ at, service, set }, parts) =>
      OpenAction.output.parse(
        await act(at, 'open', { input: { service, set, ...(parts === undefined ? {} : { parts }) } }),
      ),
    async noteVerified({ at, service, set }, when) {
      await act(at, 'annotate', { input: { service, set, verifiedAt: when.toISOString() } });
    },
    async pin({ at, service, set }, pinned) {
      await act(at, 'annotate', { input: { service, set, pinned } });
    },
    [Symbol.asyncDispose]: () => performer[Symbol.asyncDispose](),
  };
}

function createAct(performer: Performer, { signal, timeoutMs }: { signal: AbortSignal; timeoutMs: number }) {
  return (plugin: PluginRef, action: string, { input }: { input: JsonObject }): Promise<JsonObject> => {
    const step = { plugin, uses: [], action, input, key: `look-${newId()}` };
    return performer.act({ ...step, timeoutMs, mayHaveRun: false, voice: SILENT_VOICE }, signal);
  };
}

/** A name of the configuration, or the path of a folder that is a destination by itself. */
function chosen({ config: { destinations } }: Settings, name: string): PluginRef {
  const found = destinations.find((candidate) => candidate.name === name);
  if (found !== undefined) return refOf(found);
  if (name.includes('/')) return refOf({ name, type: 'local', config: { path: resolve(name) } });
  const names = destinations.map((candidate) => candidate.name);
  const guess = nearest(name, names);
  throw new AutopilotError('HA_NOT_FOUND', `there is no destination "${name}"`, {
    next: `${guess === undefined ? '' : `Did you mean "${guess}"? `}There are: ${names.join(', ') || 'none'}; a path works too`,
  });
}

function refOf({ name, type, config }: { name: string; type: string; config: JsonObject }): PluginRef {
  return { kind: 'destination', name, type, config };
}
