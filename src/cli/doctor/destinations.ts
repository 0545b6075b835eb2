/** Whether the destinations can be reached from here. */
import { act } from '#app/act.ts';
import { createPerformer } from '#app/performer.ts';
import { refOf } from '#app/plugin-ref.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import { finding, ok, warning } from '#cli/doctor/finding.ts';
import type { Finding } from '#cli/ports.ts';
import { formatBytes } from '#kernel/format.ts';
import { destination } from '#sdk/kinds/destination.ts';

const ANSWER_MS = 20_000;

export async function destinationFindings(settings: Settings, signal: AbortSignal): Promise<Finding[]> {
  const { config } = settings;
  const secrets = createSecretResolver(config);
  await using performer = createPerformer(settings, { host: config.global.host, secrets });
  const acting = { performer, purpose: 'doctor', timeoutMs: ANSWER_MS, signal };
  const looks = config.destinations.map(async (instance) => {
    const plugin = refOf('destination', instance);
    const check = `destination ${instance.name}`;
    const found = await finding(check, async () => {
      const { freeBytes, detail } = await act(acting, destination, { action: 'check', plugin });
      return ok(check, `${detail}${freeBytes === null ? '' : `, ${formatBytes(freeBytes)} free`}`);
    });
    return isOurs(settings, instance.name) || found.status === 'ok' ? found : elsewhere(found);
  });
  return await Promise.all(looks);
}

/** Whether a service of this host is copied there. */
function isOurs({ config }: Settings, name: string): boolean {
  return config.services.some(({ host, backup }) => host === config.global.host && backup?.destinations.includes(name));
}

function elsewhere({ check, detail, next }: Finding): Finding {
  return warning(
    check,
    `not reachable from here: ${detail}`,
    next ?? 'no service of this host uses it; run doctor there',
  );
}
