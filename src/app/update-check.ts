/** What could be updated: services are asked what they run, and registries what is newer. */
import { checkSettings } from '#app/check-settings.ts';
import { createPerformer, type Performer } from '#app/performer.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import { SILENT_VOICE } from '#app/voice.ts';
import type { ServiceConfig } from '#config/types.ts';
import { errorText } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import { service as kind, type RunningImage } from '#sdk/kinds/service.ts';
import type { RateLimit } from '#sdk/registry/limits.ts';
import { openRegistries } from '#sdk/registry/registries.ts';
import { checkImages } from '#sdk/versions/check.ts';
import type { Decision } from '#sdk/versions/decision.ts';
import type { ImageVerdict, Policy } from '#sdk/versions/settings.ts';

export interface ServiceUpdates {
  service: string;
  host: string;
  policy: Policy;
  images: ImageVerdict[];
  /** Why nothing is known of its images. */
  problem: string | null;
}

export interface UpdateReport {
  services: ServiceUpdates[];
  /** What the registries have said of how often they may be asked. */
  limits: RateLimit[];
}

const ANSWER_MS = 30_000;

/** All services at once, through one connection to each registry. Nothing is pulled. */
export async function checkUpdates(
  settings: Settings,
  {
    services,
    decisions,
    signal,
  }: { services: readonly ServiceConfig[]; decisions: readonly Decision[]; signal: AbortSignal },
): Promise<UpdateReport> {
  const { config } = settings;
  const secret = createSecretResolver(config);
  const now = () => new Date();
  await using performer = createPerformer(settings, { host: config.global.host, secrets: secret });
  const registries = openRegistries({ fetch: globalThis.fetch, secret, signal, now }, config);
  const checked = services.map(async (service): Promise<ServiceUpdates> => {
    const known = { service: service.name, host: service.host, policy: service.update.policy };
    const running = await imagesOf(settings, { service, performer, signal });
    if (typeof running === 'string') return { ...known, images: [], problem: running };
    const mine = checkSettings(
      config,
      service,
      decisions.filter((one) => one.service === service.name),
    );
    return { ...known, images: await checkImages({ registries, now: now() }, running, mine), problem: null };
  });
  return { services: await Promise.all(checked), limits: registries.limits() };
}

/** @returns why they are not known, in words, when they are not. */
async function imagesOf(
  { config, catalog }: Settings,
  { service, performer, signal }: { service: ServiceConfig; performer: Performer; signal: AbortSignal },
): Promise<RunningImage[] | string> {
  const { name, type, host, config: own } = service;
  if (host !== config.global.host) return `it runs on ${host}; ask there`;
  if (catalog.find('service', type)?.actions['versions'] === undefined)
    return `services of type ${type} do not tell what they run`;
  const step = {
    plugin: { kind: 'service' as const, name, type, config: own },
    uses: [],
    action: 'versions',
    input: {},
    key: `versions-${newId()}`,
    timeoutMs: ANSWER_MS,
    mayHaveRun: false,
    voice: SILENT_VOICE,
  };
  try {
    const { images } = kind.actions.versions.output.parse(await performer.act(step, signal));
    return images.length === 0 ? 'it runs nothing that comes from a registry' : images;
  } catch (error) {
    signal.throwIfAborted();
    return errorText(error);
  }
}
