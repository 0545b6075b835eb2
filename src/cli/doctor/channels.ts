/** Whether the channels and the dead-man's switches can be reached from here, and whether anything waits for one. */
import { checkChannel } from '#app/channels.ts';
import { openOutboxLog } from '#app/outbox-log.ts';
import { createPerformer } from '#app/performer.ts';
import { checkPing, pingLineName } from '#app/pings.ts';
import { pingsOf } from '#app/schedules.ts';
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
  const look = async (check: string, name: string, ask: () => Promise<string>) => {
    const found = await finding(check, async () => ok(check, await ask()));
    const state = troubled.find((one) => one.name === name);
    return found.status === 'ok' && state !== undefined ? told(check, state, config.global.timezone) : found;
  };
  return await Promise.all([
    ...config.notifications.channels.map((channel) =>
      look(`channel ${channel.name}`, channel.name, () => checkChannel(performer, channel, signal)),
    ),
    ...pingsOf(config).map((pinged) => {
      const name = pingLineName(pinged.schedule);
      return look(name, name, () => checkPing(settings, pinged, signal));
    }),
  ]);
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
