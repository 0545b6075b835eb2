/** What could be updated: services are asked what they run, and registries what is newer. */
import { type Acting, act } from '#app/act.ts';
import { checkSettings } from '#app/check-settings.ts';
import { withTools } from '#app/local-tools.ts';
import { createPerformer } from '#app/performer.ts';
import { refOf } from '#app/plugin-ref.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import type { ServiceConfig } from '#config/types.ts';
import { errorText } from '#kernel/errors.ts';
import type { OutputOf } from '#sdk/contract.ts';
import { service as kind, type RunningImage } from '#sdk/kinds/service.ts';
import type { RateLimit } from '#sdk/registry/limits.ts';
import { openRegistries } from '#sdk/registry/registries.ts';
import { checkImages } from '#sdk/versions/check.ts';
import type { Decision } from '#sdk/versions/decision.ts';
import type { ImageVerdict, Policy } from '#sdk/versions/settings.ts';

export interface ServiceUpdates {
  service: string;
  host: string;
  /** Null: the service tells by a command of its own what is newer, and neither policy nor decisions apply. */
  policy: Policy | null;
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
  { services, decisions, signal }: CheckRequest,
): Promise<UpdateReport> {
  const { config } = settings;
  await using performer = createPerformer(settings, {
    host: config.global.host,
    secrets: createSecretResolver(config),
  });
  const acting = { performer, purpose: 'updates', timeoutMs: ANSWER_MS, signal };
  return await withTools(settings, { name: 'updates', signal, progress: () => undefined }, async (tools) => {
    const registries = openRegistries(tools, config);
    const judge = async (service: ServiceConfig, images: readonly RunningImage[]) => {
      const mine = decisions.filter((one) => one.service === service.name);
      return checkImages({ registries, now: tools.now() }, images, checkSettings(config, service, mine));
    };
    const checked = services.map((service) => checkOne(settings, service, { acting, judge }));
    return { services: await Promise.all(checked), limits: registries.limits() };
  });
}

interface CheckRequest {
  services: readonly ServiceConfig[];
  decisions: readonly Decision[];
  signal: AbortSignal;
}

interface OnePorts {
  acting: Acting;
  judge(service: ServiceConfig, images: readonly RunningImage[]): Promise<ImageVerdict[]>;
}

async function checkOne(
  { config, catalog }: Settings,
  service: ServiceConfig,
  { acting, judge }: OnePorts,
): Promise<ServiceUpdates> {
  const { name, host, type, update } = service;
  const plugin = refOf('service', service);
  const unknown = { service: name, host, policy: update.policy, images: [] };
  if (host !== config.global.host) return { ...unknown, problem: `it runs on ${host}; ask there` };
  const can = (action: string) => catalog.find('service', type)?.actions[action] !== undefined;
  try {
    if (can('versions')) {
      const { images } = await act(acting, kind, { action: 'versions', plugin });
      if (images.length === 0) return { ...unknown, problem: 'nothing of it runs' };
      return { ...unknown, images: await judge(service, images), problem: null };
    }
    if (!can('checkUpdate')) return { ...unknown, problem: `services of type ${type} do not tell what they run` };
    if (service.backup === null)
      return { ...unknown, policy: null, problem: 'it has no backup section, which updates need' };
    const found = await act(acting, kind, { action: 'checkUpdate', plugin });
    return { ...unknown, policy: null, images: [ownVerdict(service, found)], problem: null };
  } catch (error) {
    return { ...unknown, policy: can('versions') ? update.policy : null, problem: errorText(error) };
  }
}

/** What a service says that tells by itself what is newer. */
function ownVerdict({ type }: ServiceConfig, found: OutputOf<(typeof kind)['actions']['checkUpdate']>): ImageVerdict {
  const { available, from, to, summary } = found;
  return {
    name: type,
    reference: from,
    current: { tag: from, digest: null },
    kind: available ? 'available' : 'up_to_date',
    to: available ? { tag: to, digest: null, createdAt: null, level: null } : null,
    why: summary,
    readyAt: null,
    reason: null,
  };
}
