/** Whether the hypervisors answer, what may be done with them, and whether the guests of services can be protected. */
import type { Performer } from '#app/performer.ts';
import { createPerformer } from '#app/performer.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import { SILENT_VOICE } from '#app/voice.ts';
import { finding, ok, warning } from '#cli/doctor/finding.ts';
import type { Finding } from '#cli/ports.ts';
import type { HypervisorConfig } from '#config/types.ts';
import { newId } from '#kernel/ids.ts';
import type { JsonObject } from '#kernel/json.ts';
import { hypervisor } from '#sdk/kinds/hypervisor.ts';

const ANSWER_MS = 20_000;

export async function hypervisorFindings(settings: Settings, signal: AbortSignal): Promise<Finding[]> {
  const { config } = settings;
  const { host } = config.global;
  await using performer = createPerformer(settings, { host, secrets: createSecretResolver(config) });
  const looks = config.hypervisors.map(async (instance) => {
    const check = `hypervisor ${instance.name}`;
    // From here the same socket or address may be another one's.
    if (!instance.hosts.includes(host))
      return [ok(check, `reached from ${instance.hosts.join(', ')}: run doctor there`)];
    const ask = asker(performer, instance, signal);
    const found = await finding(check, () => inspected(check, ask));
    return found.status === 'broken' ? [found] : [found, ...(await guestFindings(settings, instance, ask))];
  });
  return (await Promise.all(looks)).flat();
}

type Ask = (action: 'inspect' | 'canSnapshot', input: JsonObject) => Promise<JsonObject>;

function asker(performer: Performer, { name, type, config }: HypervisorConfig, signal: AbortSignal): Ask {
  const plugin = { kind: 'hypervisor' as const, name, type, config };
  return (action, input) => {
    const step = { plugin, uses: [], action, input, key: `doctor-${newId()}` };
    return performer.act({ ...step, timeoutMs: ANSWER_MS, mayHaveRun: false, voice: SILENT_VOICE }, signal);
  };
}

async function inspected(check: string, ask: Ask): Promise<Finding> {
  const { version, capabilities, warnings } = hypervisor.actions.inspect.output.parse(await ask('inspect', {}));
  const missing = capabilities.filter(({ possible }) => !possible).map(({ name, reason }) => `no ${name}: ${reason}`);
  const troubles = [...missing, ...warnings];
  return troubles.length === 0 ? ok(check, version) : warning(check, version, troubles.join('; '));
}

function guestFindings({ config }: Settings, { name }: HypervisorConfig, ask: Ask): Promise<Finding[]> {
  const guests = config.services.flatMap(({ name: service, guest }) =>
    guest?.hypervisor === name ? [{ service, id: guest.id }] : [],
  );
  return Promise.all(
    guests.map(async ({ service, id }) => {
      const check = `guest of ${service}`;
      return finding(check, async () => {
        const answer = await ask('canSnapshot', { guest: id });
        const { possible, summary } = hypervisor.actions.canSnapshot.output.parse(answer);
        if (possible) return ok(check, `${id}: ${summary}`);
        return warning(check, `${id} cannot be snapshotted, so ${service} is not updated`, summary);
      });
    }),
  );
}
