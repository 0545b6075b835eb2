/** Puts what is to be told into the outbox, in the transaction that writes what happened. */
import type { Config, ServiceConfig } from '#config/types.ts';
import type { RunDetail } from '#engine/run.ts';
import { subjectOf } from '#monitor/check.ts';
import type { Incident, Told, World } from '#monitor/world.ts';
import { decide } from '#notify/decide.ts';
import { givenUpMessage } from '#notify/given-up-message.ts';
import { incidentMessage, serviceOf } from '#notify/incident-message.ts';
import { missedMessage } from '#notify/missed-message.ts';
import { eventsOf, runMessage, withHeldBack } from '#notify/run-message.ts';
import { updateMessage, type WaitingVersions } from '#notify/update-message.ts';
import type { Fire } from '#schedule/fire.ts';
import type { Message } from '#sdk/kinds/notification.ts';
import type { Heals } from '#store/heals.ts';
import type { Outbox } from '#store/outbox.ts';

export interface AnnouncePorts {
  config: Config;
  history: { run(id: string): RunDetail };
  outbox: Outbox;
}

export function announceRun(id: string, { config, history, outbox }: AnnouncePorts, now: Date): void {
  const { global, notifications } = config;
  // Where nobody is to be told, a run's end costs nothing more.
  if (notifications.routes.length === 0) return;
  const run = history.run(id);
  const origin = { homelab: global.name, timezone: global.timezone };
  // One run is told once to each channel, by the event that says most.
  const told = new Set<string>();
  for (const event of eventsOf(run)) {
    announce(runMessage(run, event, origin), { config, outbox, service: run.service, now, told });
  }
}

/** @param fires slots of one schedule that did not run, and for which no later one stands. */
export function announceMissed(
  fires: readonly Fire[],
  around: { config: Config; outbox: Outbox; host: string },
  now: Date,
): void {
  const { global, notifications } = around.config;
  if (notifications.routes.length === 0) return;
  const origin = { homelab: global.name, timezone: global.timezone };
  const message = missedMessage(fires, { origin, host: around.host, at: now });
  if (message !== null) announce(message.message, { ...around, service: message.service, now, told: new Set() });
}

export function announceUpdate(
  waiting: WaitingVersions,
  { config, outbox }: { config: Config; outbox: Outbox },
  now: Date,
): void {
  const { global } = config;
  const origin = { homelab: global.name, timezone: global.timezone };
  const message = updateMessage(waiting, { origin, host: global.host, at: now });
  announce(message, { config, outbox, service: waiting.service, now, told: new Set() });
}

/** @param told of an incident that has begun, goes on, or is over. */
export function announceIncident(
  told: Told,
  { config, outbox, heals }: { config: Config; outbox: Outbox; heals: Heals },
  { now, world }: { now: Date; world: World },
): void {
  const { global, notifications } = config;
  if (notifications.routes.length === 0) return;
  const origin = { homelab: global.name, timezone: global.timezone };
  const { id, subject } = told.incident;
  const hit = [...world.incidents.values()].filter(({ root }) => root === subject).map((one) => one.subject);
  const { kind, name } = subjectOf(subject);
  const service = config.services.find((one) => one.name === name);
  const host = kind === 'host' ? name : (service?.host ?? name.split('/')[0] ?? global.host);
  const restarts = kind === 'service' ? heals.ofIncident(name, id) : [];
  const mended = restarts.findLast(({ status }) => status === 'succeeded')?.run ?? null;
  const message = incidentMessage(told, { origin, host, hit, mended, at: now });
  announce(message, { config, outbox, service: serviceOf(subject), now, told: new Set() });
}

/** @param wish of an incident that is left to a person from now on. */
export function announceGivenUp(
  { incident, because, service }: { incident: Incident; because: string; service: ServiceConfig },
  { config, outbox, heals }: { config: Config; outbox: Outbox; heals: Heals },
  now: Date,
): void {
  const { global } = config;
  const origin = { homelab: global.name, timezone: global.timezone };
  const tried = heals.ofIncident(service.name, incident.id);
  const message = givenUpMessage(incident, { origin, host: service.host, because, tried, at: now });
  announce(message, { config, outbox, service: service.name, now, told: new Set() });
}

interface Announcement {
  config: Config;
  outbox: Outbox;
  service: string;
  now: Date;
  /** Channels that have been told already; those that are told now are added. */
  told: Set<string>;
}

function announce(message: Message, { config, outbox, service, now, told }: Announcement): void {
  const { event } = message;
  const { timezone } = config.global;
  const policy = { ...config.notifications, timezone };
  const recent = (channel: string) => outbox.recent({ channel, event, service });
  for (const verdict of decide({ event, service, at: now }, policy, recent)) {
    const { channel, as: status } = verdict;
    if (told.has(channel)) continue;
    told.add(channel);
    const text = status === 'waiting' ? withHeldBack(message, verdict, timezone) : message;
    outbox.add({ channel, status, message: text, dueAt: status === 'held' ? now : verdict.dueAt });
  }
}
