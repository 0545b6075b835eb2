/** The channels as this process reaches them itself: sending one message, and looking whether they are there. */
import { act } from '#app/act.ts';
import { createPerformer, type Performer } from '#app/performer.ts';
import { refOf } from '#app/plugin-ref.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import type { Config, PluginInstance } from '#config/types.ts';
import { AutopilotError, errorFacts } from '#kernel/errors.ts';
import { derivedId, newId } from '#kernel/ids.ts';
import type { JsonObject } from '#kernel/json.ts';
import { nearest } from '#kernel/nearest.ts';
import { type Message, notification, type Refusal } from '#sdk/kinds/notification.ts';

const ANSWER_MS = 60_000;

export type SendOutcome =
  | { delivered: true; detail: string }
  | { delivered: false; detail: string; refused: Refusal; retryAfterMs: number | undefined };

/** Something that takes messages, under the name by which the outbox knows it. */
export interface Line {
  name: string;
  /** Never throws. */
  send(message: Message, signal: AbortSignal): Promise<SendOutcome>;
}

export function channelLines({ notifications }: Config, performer: Performer): Line[] {
  return notifications.channels.map((channel) => ({
    name: channel.name,
    send: (message, signal) => sendMessage(performer, { channel, message }, signal),
  }));
}

/** Never throws: what a plugin throws is why the message waits. */
export async function sendMessage(
  performer: Performer,
  { channel, message }: { channel: PluginInstance; message: Message },
  signal: AbortSignal,
): Promise<SendOutcome> {
  try {
    const acting = { performer, purpose: 'notify', timeoutMs: ANSWER_MS, signal };
    const {
      delivered,
      detail,
      refused = 'busy',
      retryAfterMs,
    } = await act(acting, notification, {
      action: 'send',
      plugin: refOf('notification', channel),
      input: { message: { ...message } as JsonObject },
      key: `notify-${derivedId(message.id, channel.name)}`,
    });
    return delivered ? { delivered, detail } : { delivered, detail, refused, retryAfterMs };
  } catch (error) {
    return triedInVain(error);
  }
}

/** What is thrown is why a message waits. */
export function triedInVain(error: unknown): SendOutcome {
  const { message: text, next } = errorFacts(error);
  const detail = next === undefined ? text : `${text}; ${next}`;
  return { delivered: false, detail, refused: 'busy', retryAfterMs: undefined };
}

export interface TestResult {
  channel: string;
  type: string;
  delivered: boolean;
  detail: string;
}

/** Sends a message now through one channel, or through all. @throws AutopilotError HA_NOT_FOUND */
export async function testChannels(
  settings: Settings,
  { name, signal }: { name: string | undefined; signal: AbortSignal },
): Promise<TestResult[]> {
  const { config } = settings;
  const host = config.global.host;
  const chosen = chosenChannels(settings, name);
  await using performer = createPerformer(settings, { host, secrets: createSecretResolver(config) });
  const at = new Date().toISOString();
  return await Promise.all(
    chosen.map(async (channel): Promise<TestResult> => {
      const message = {
        id: newId(),
        event: 'test',
        severity: 'info' as const,
        title: `Test of the channel ${channel.name}`,
        text: `Messages of Homelab Autopilot (${config.global.name}, on ${host}) arrive here.`,
        host,
        at,
      };
      const { delivered, detail } = await sendMessage(performer, { channel, message }, signal);
      return { channel: channel.name, type: channel.type, delivered, detail };
    }),
  );
}

/** What the channel's own check says; it sends nothing. @throws AutopilotError when the channel cannot be used. */
export async function checkChannel(
  performer: Performer,
  channel: PluginInstance,
  signal: AbortSignal,
): Promise<string> {
  const acting = { performer, purpose: 'doctor', timeoutMs: ANSWER_MS, signal };
  return (await act(acting, notification, { action: 'check', plugin: refOf('notification', channel) })).detail;
}

function chosenChannels({ config }: Settings, name: string | undefined): PluginInstance[] {
  const { channels } = config.notifications;
  if (name === undefined) return channels;
  const found = channels.find((channel) => channel.name === name);
  if (found !== undefined) return [found];
  const names = channels.map((channel) => channel.name);
  const guess = nearest(name, names);
  throw new AutopilotError('HA_NOT_FOUND', `there is no channel "${name}"`, {
    next: `${guess === undefined ? '' : `Did you mean "${guess}"? `}There are: ${names.join(', ') || 'none yet'}`,
  });
}
