/** Puts what a run's end has to tell into the outbox, in the transaction that writes the end. */
import type { Config } from '#config/types.ts';
import type { RunDetail } from '#engine/run.ts';
import { decide } from '#notify/decide.ts';
import { eventsOf, runMessage, withHeldBack } from '#notify/run-message.ts';
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
  const { timezone } = global;
  const policy = { ...notifications, timezone };
  const told = new Set<string>();
  for (const event of eventsOf(run)) {
    const message = runMessage(run, event, { homelab: global.name, timezone });
    const recent = (channel: string) => outbox.recent({ channel, event, service: run.service });
    for (const verdict of decide({ event, service: run.service, at: now }, policy, recent)) {
      const { channel, as: status } = verdict;
      // One run is told once to each channel, by the event that says most.
      if (told.has(channel)) continue;
      told.add(channel);
      const text = status === 'waiting' ? withHeldBack(message, verdict, timezone) : message;
      outbox.add({ channel, status, message: text, dueAt: status === 'held' ? now : verdict.dueAt });
    }
  }
}
