/** Whether the hypervisors answer, what may be done with them, and whether the guests of services can be protected. */
import { type Acting, act } from '#app/act.ts';
import { createPerformer } from '#app/performer.ts';
import { refOf } from '#app/plugin-ref.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import { finding, ok, warning } from '#cli/doctor/finding.ts';
import type { Finding } from '#cli/ports.ts';
import type { HypervisorConfig } from '#config/types.ts';
import { hypervisor } from '#sdk/kinds/hypervisor.ts';

const ANSWER_MS = 20_000;

export async function hypervisorFindings(settings: Settings, signal: AbortSignal): Promise<Finding[]> {
  const { config } = settings;
  const { host } = config.global;
  await using performer = createPerformer(settings, { host, secrets: createSecretResolver(config) });
  const acting = { performer, purpose: 'doctor', timeoutMs: ANSWER_MS, signal };
  const looks = config.hypervisors.map(async (instance) => {
    const check = `hypervisor ${instance.name}`;
    // From here the same socket or address may be another one's.
    if (!instance.hosts.includes(host))
      return [ok(check, `reached from ${instance.hosts.join(', ')}: run doctor there`)];
    const found = await finding(check, () => inspected(check, acting, instance));
    return found.status === 'broken' ? [found] : [found, ...(await guestFindings(settings, acting, instance))];
  });
  return (await Promise.all(looks)).flat();
}

async function inspected(check: string, acting: Acting, instance: HypervisorConfig): Promise<Finding> {
  const plugin = refOf('hypervisor', instance);
  const { version, capabilities, warnings } = await act(acting, hypervisor, { action: 'inspect', plugin });
  const missing = capabilities.filter(({ possible }) => !possible).map(({ name, reason }) => `no ${name}: ${reason}`);
  const troubles = [...missing, ...warnings];
  return troubles.length === 0 ? ok(check, version) : warning(check, version, troubles.join('; '));
}

function guestFindings({ config }: Settings, acting: Acting, instance: HypervisorConfig): Promise<Finding[]> {
  const plugin = refOf('hypervisor', instance);
  const guests = config.services.flatMap(({ name: service, guest }) =>
    guest?.hypervisor === instance.name ? [{ service, id: guest.id }] : [],
  );
  return Promise.all(
    guests.map(async ({ service, id }) => {
      const check = `guest of ${service}`;
      return finding(check, async () => {
        const input = { guest: id };
        const { possible, summary } = await act(acting, hypervisor, { action: 'canSnapshot', plugin, input });
        if (possible) return ok(check, `${id}: ${summary}`);
        return warning(check, `${id} cannot be snapshotted, so ${service} is not updated`, summary);
      });
    }),
  );
}
