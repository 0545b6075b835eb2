/** Asks a service's own plugin, in this process, whether the service is up. */
import { createPerformer } from '#app/performer.ts';
import { serviceNamed } from '#app/planning.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import { SILENT_VOICE } from '#app/voice.ts';
import { errorText } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import { service as kind } from '#sdk/kinds/service.ts';

export interface ServiceState {
  state: 'up' | 'down' | 'unknown';
  version: string | null;
  detail: string;
}

const ANSWER_MS = 15_000;

/** A service of another host is `unknown` here, and so is one whose plugin cannot tell. */
export async function serviceState(settings: Settings, name: string): Promise<ServiceState> {
  const { config } = settings;
  const { host, type, config: own } = serviceNamed(config, name);
  if (host !== config.global.host) return { state: 'unknown', version: null, detail: `on ${host}` };
  await using performer = createPerformer(settings, { host, secrets: createSecretResolver(config) });
  const step = {
    plugin: { kind: 'service' as const, name, type, config: own },
    uses: [],
    action: 'inspect',
    input: {},
    key: `state-${newId()}`,
    timeoutMs: ANSWER_MS,
    mayHaveRun: false,
    voice: SILENT_VOICE,
  };
  try {
    const output = await performer.act(step, new AbortController().signal);
    const { state, version, detail } = kind.actions.inspect.output.parse(output);
    return { state, version: version ?? null, detail };
  } catch (error) {
    return { state: 'unknown', version: null, detail: errorText(error) };
  }
}
