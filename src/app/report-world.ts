/** What a report tells of the present: uptime, versions that wait, and how much room the destinations have. */
import { act } from '#app/act.ts';
import type { Performer } from '#app/performer.ts';
import { refOf } from '#app/plugin-ref.ts';
import type { Settings } from '#app/settings.ts';
import { checkUpdates, type ServiceUpdates, type UpdateReport } from '#app/update-check.ts';
import { errorText } from '#kernel/errors.ts';
import { formatBytes } from '#kernel/format.ts';
import { subjectId } from '#monitor/check.ts';
import { uptime, WINDOWS, type Window } from '#monitor/uptime.ts';
import type { ReportWorld } from '#notify/report-message.ts';
import { destination } from '#sdk/kinds/destination.ts';
import type { Log } from '#sdk/tools.ts';
import type { Decision } from '#sdk/versions/decision.ts';
import type { HealthLog } from '#store/health-log.ts';

export interface ReportWorldPorts {
  settings: Settings;
  performer: Performer;
  health: HealthLog;
  /** Asks the services of this host what they run, and registries what is newer. */
  check(signal: AbortSignal): Promise<UpdateReport>;
  log: Log;
}

/** A share that hangs, or a registry that does, must not keep a report for long (milliseconds). */
const ANSWER_MS = 30_000;
const REGISTRIES_MS = 120_000;

/** Never throws: what cannot be found out is told as such. */
export async function lookAround(
  ports: ReportWorldPorts,
  { now, lengthMs, signal }: { now: Date; lengthMs: number; signal: AbortSignal },
): Promise<ReportWorld> {
  const window = windowFor(lengthMs);
  const [updates, destinations] = await Promise.all([updatesOf(ports, signal), roomsOf(ports, signal)]);
  const services = ports.settings.config.services.flatMap(({ name }) => {
    const share = uptime(ports.health.times(subjectId('service', name), window, now.getTime()));
    return share === null ? [] : [{ service: name, share }];
  });
  return { uptime: { window, services }, updates, destinations };
}

/** The shortest that holds the time since the report before. */
function windowFor(lengthMs: number): Window {
  return (Object.keys(WINDOWS) as Window[]).find((window) => WINDOWS[window] >= lengthMs) ?? '365d';
}

export async function checkHere(
  settings: Settings,
  decisions: readonly Decision[],
  signal: AbortSignal,
): Promise<UpdateReport> {
  const { config } = settings;
  const services = config.services.filter(({ host }) => host === config.global.host);
  const limited = AbortSignal.any([signal, AbortSignal.timeout(REGISTRIES_MS)]);
  return await checkUpdates(settings, { services, decisions, signal: limited });
}

async function updatesOf({ check, log }: ReportWorldPorts, signal: AbortSignal): Promise<ReportWorld['updates']> {
  try {
    const report = await check(signal);
    return report.services.flatMap((found) => {
      const versions = versionsThatWait(found);
      return versions.length === 0 ? [] : [{ service: found.service, versions }];
    });
  } catch (error) {
    log.warn('what could be updated is not known', { error: errorText(error) });
    return null;
  }
}

/** Held back or not: a person decides of both. */
export function versionsThatWait({ images }: ServiceUpdates): string[] {
  const waiting = images.filter(({ kind, to }) => (kind === 'available' || kind === 'held') && to !== null);
  return [...new Set(waiting.map(({ name, to }) => (images.length === 1 ? `${to?.tag}` : `${name} ${to?.tag}`)))];
}

async function roomsOf({ settings, performer }: ReportWorldPorts, signal: AbortSignal) {
  const acting = { performer, purpose: 'report', timeoutMs: ANSWER_MS, signal };
  return await Promise.all(
    settings.config.destinations.map(async (instance) => {
      const { name } = instance;
      try {
        const found = await act(acting, destination, { action: 'check', plugin: refOf('destination', instance) });
        const { freeBytes } = found;
        return { name, room: freeBytes === null ? 'is there' : `${formatBytes(freeBytes)} free` };
      } catch (error) {
        return { name, room: `not reached from here: ${errorText(error).split('\n')[0]}` };
      }
    }),
  );
}
