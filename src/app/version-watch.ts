/** Tells of versions that have come out: looked for once a day, and only where somebody wants to know. */
import { announceUpdate } from '#app/announce.ts';
import { versionsThatWait } from '#app/report-world.ts';
import type { UpdateReport } from '#app/update-check.ts';
import type { Config } from '#config/types.ts';
import { errorText } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import { matchesEvent } from '#sdk/events.ts';
import type { Log } from '#sdk/tools.ts';
import type { Outbox } from '#store/outbox.ts';
import type { VersionNews } from '#store/version-news.ts';

export interface VersionWatchPorts {
  config: Config;
  /** Asks the services of this host what they run, and registries what is newer. */
  check(signal: AbortSignal): Promise<UpdateReport>;
  news: VersionNews;
  outbox: Outbox;
  log: Log;
  now(): Date;
}

const DAY_MS = 86_400_000;
const LOOK_MS = 60_000;

export async function watchVersions(ports: VersionWatchPorts, signal: AbortSignal): Promise<void> {
  const wanted = ports.config.notifications.routes.some(({ events }) =>
    events.some((pattern) => matchesEvent(pattern, 'update_available')),
  );
  if (!wanted) return;
  while (!signal.aborted) {
    try {
      await lookForVersions(ports, signal);
    } catch (error) {
      ports.log.warn('newer versions could not be looked for; trying again', { error: errorText(error) });
    }
    await pause(LOOK_MS, signal);
  }
}

/** Each version is told once; what could not be asked now was not taken back. */
export async function lookForVersions(ports: VersionWatchPorts, signal: AbortSignal): Promise<void> {
  const { config, news, outbox, now } = ports;
  const known = news.known() ?? { lookedAt: 0, told: {} };
  if (Math.abs(now().getTime() - known.lookedAt) < DAY_MS) return;
  const { services } = await ports.check(signal);
  if (signal.aborted) return;
  const asked = services.filter(({ problem }) => problem === null);
  const found = asked.map((one) => ({ service: one.service, versions: versionsThatWait(one) }));
  const fresh = found.filter(({ service, versions }) => versions.some((one) => !known.told[service]?.includes(one)));
  const told = { ...known.told, ...Object.fromEntries(found.map(({ service, versions }) => [service, versions])) };
  news.save({ lookedAt: now().getTime(), told }, () => {
    for (const one of fresh) announceUpdate(one, { config, outbox }, now());
  });
}
