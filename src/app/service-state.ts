/** Asks a service's own plugin, in this process, whether the service is up. */
import { act } from '#app/act.ts';
import { createPerformer } from '#app/performer.ts';
import { serviceNamed } from '#app/planning.ts';
import { refOf } from '#app/plugin-ref.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import { errorText } from '#kernel/errors.ts';
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
  const service = serviceNamed(config, name);
  const { host } = service;
  if (host !== config.global.host) return { state: 'unknown', version: null, detail: `on ${host}` };
  await using performer = createPerformer(settings, { host, secrets: createSecretResolver(config) });
  const acting = { performer, purpose: 'state', timeoutMs: ANSWER_MS, signal: new AbortController().signal };
  try {
    const plugin = refOf('service', service);
    const { state, version, detail } = await act(acting, kind, { action: 'inspect', plugin });
    return { state, version: version ?? null, detail };
  } catch (error) {
    return { state: 'unknown', version: null, detail: errorText(error) };
  }
}
