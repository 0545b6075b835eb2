/** Whether the channels can be reached from here, and whether messages wait for one that takes none. */
import { checkChannel } from '#app/channels.ts';
import { openOutboxLog } from '#app/outbox-log.ts';
import { createPerformer } from '#app/performer.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import { broken, finding, ok, warning } from '#cli/doctor/finding.ts';
import type { Finding } from '#cli/ports.ts';
import { TROUBLE_NEXT, troubleOf } from '#cli/render/notifications.ts';
import type { ChannelState } from '#store/outbox.ts';

export async function channelFindings(settings: Settings, signal: AbortSignal): Promise<Finding[]> {
  const { config } = settings;
  const troubled = troubledChannels(settings);
  const secrets = createSecretResolver(config);
  await using performer = createPerformer(settings, { host: config.global.host, secrets });
  const looks = config.notifications.channels.map(async (channel) => {
    const check = `channel ${channel.name}`;
    const found = await finding(check, async () => ok(check, await checkChannel(performer, channel, signal)));
    const state = troubled.find(({ name }) => name === channel.name);
    return found.status === 'ok' && state !== undefined ? told(check, state, config.global.timezone) : found;
  });
  return await Promise.all(looks);
}

function told(check: string, state: ChannelState, zone: string): Finding {
  const detail = troubleOf(state, { zone, now: new Date() });
  return state.lockedAt === null
    ? warning(check, detail, 'nothing, if the other side comes back; messages wait for it')
    : broken(check, detail, TROUBLE_NEXT);
}

/** A state file that cannot be read is told by whoever opens it to write. */
function troubledChannels(settings: Settings): ChannelState[] {
  try {
    using log = openOutboxLog(settings);
    return log?.troubled() ?? [];
  } catch {
    return [];
  }
}
