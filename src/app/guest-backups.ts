/** The backups of a service's whole guest, which its hypervisor keeps: asked for in this process. */
import { act } from '#app/act.ts';
import { createPerformer } from '#app/performer.ts';
import { serviceNamed } from '#app/planning.ts';
import { refOf } from '#app/plugin-ref.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import type { HypervisorConfig, ServiceConfig } from '#config/types.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { type GuestBackup, hypervisor as kind } from '#sdk/kinds/hypervisor.ts';

export interface GuestBackups {
  hypervisor: string;
  guest: string;
  /** Newest first. */
  backups: GuestBackup[];
}

const ANSWER_MS = 60_000;

/** @throws AutopilotError HA_USAGE for a service whose guest has none, or one that is only reached from elsewhere. */
export async function guestBackups(settings: Settings, name: string, signal: AbortSignal): Promise<GuestBackups> {
  const { config } = settings;
  const { host } = config.global;
  const { guest, platform } = platformOf(settings, serviceNamed(config, name));
  if (!platform.hosts.includes(host)) {
    throw new AutopilotError('HA_USAGE', `${platform.name} is not reached from ${host}`, {
      next: `ask there: ${platform.hosts.join(', ')}`,
    });
  }
  await using performer = createPerformer(settings, { host, secrets: createSecretResolver(config) });
  const acting = { performer, purpose: 'guest-backups', timeoutMs: ANSWER_MS, signal };
  const plugin = refOf('hypervisor', platform);
  const { backups } = await act(acting, kind, { action: 'listBackups', plugin, input: { guest } });
  return { hypervisor: platform.name, guest, backups: backups.toReversed() };
}

function platformOf(
  { config, catalog }: Settings,
  service: ServiceConfig,
): { guest: string; platform: HypervisorConfig } {
  const { name, guest } = service;
  if (guest === null) {
    throw new AutopilotError('HA_USAGE', `${name} names no guest`, {
      next: `write  guest: { hypervisor: NAME, id: ID }  to it; its own restore points:  homelab-autopilot backups ${name}`,
    });
  }
  const platform = config.hypervisors.find((one) => one.name === guest.hypervisor);
  const able =
    platform !== undefined && catalog.find('hypervisor', platform.type)?.actions['listBackups'] !== undefined;
  if (able) return { guest: guest.id, platform };
  throw new AutopilotError('HA_USAGE', `${guest.hypervisor} keeps no backups of whole guests`, {
    next: `the restore points of ${name} itself:  homelab-autopilot backups ${name}`,
  });
}
