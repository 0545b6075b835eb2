/** What monitoring knows of each service, for those who look. Read from the state file, beside a controller that writes. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checksOfConfig } from '#app/checks.ts';
import type { Settings } from '#app/settings.ts';
import type { RunStatus } from '#engine/run.ts';
import type { Check } from '#monitor/check.ts';
import { subjectId, subjectOf } from '#monitor/check.ts';
import type { CheckState, View } from '#monitor/judge.ts';
import { viewOf } from '#monitor/judge.ts';
import type { Window } from '#monitor/uptime.ts';
import { uptime, WINDOWS } from '#monitor/uptime.ts';
import type { Incident } from '#monitor/world.ts';
import { readDatabase } from '#store/database.ts';
import { createHeals, type Heals } from '#store/heals.ts';
import type { HealthLog, ResponseTimes } from '#store/health-log.ts';
import { createHealthLog } from '#store/health-log.ts';

export interface CheckView {
  id: string;
  external: boolean;
  host: string;
  state: View;
  /** The question in words; empty when it was never asked. */
  asked: string;
  detail: string;
  at: string | null;
  /** Our own run had the service when it was asked. */
  planned: boolean;
  tookMs: number | null;
  responseTimes: ResponseTimes | null;
}

export interface IncidentView {
  id: string;
  subject: string;
  startedAt: string;
  endedAt: string | null;
  cause: string;
  root: string | null;
  run: string | null;
  toldAt: string | null;
  /** Our runs that restarted it, oldest first. */
  restarts: { run: string; status: RunStatus; at: string }[];
  /** When it was left to a person, after restarts that did not help. */
  gaveUpAt: string | null;
}

/** From 0 to 1; null where nothing is known. */
export type Uptimes = Record<Window, number | null>;

export interface ServiceHealth {
  /** Down when any of its checks is, external ones included; up when all are. */
  state: View;
  /** What is wrong, or why nothing is known. */
  detail: string;
  since: string | null;
  uptime: Uptimes;
}

export interface HealthView extends Disposable {
  /** Null when nothing is checked of it. */
  service(name: string): ServiceHealth | null;
  checks(name: string): CheckView[];
  /** Newest first; of one service, or all. */
  incidents(query: { service?: string; open?: boolean; limit: number }): IncidentView[];
}

/** Null when this machine has no state file. */
export function openHealthView({ config }: Settings, now: Date): HealthView | null {
  const file = join(config.global.stateDir, 'state.db');
  if (!existsSync(file)) return null;
  const db = readDatabase(file);
  const log = createHealthLog(db);
  const logs = { log, heals: createHeals(db) };
  const states = log.states();
  const checks = checksOfConfig(config);
  const of = (name: string) => checks.filter(({ subject }) => subjectsOf(name).includes(subject));
  const look = (check: Check) => checkView(check, { log, state: states.get(check.id), now: now.getTime() });
  return {
    service(name) {
      const views = of(name).map(look);
      const open = incidentsOf(logs, { service: name, open: true, limit: 1 })[0];
      return views.length === 0 ? null : serviceHealth(views, { open, uptime: uptimes(log, name, now.getTime()) });
    },
    checks: (name) => of(name).map(look),
    incidents: (query) => incidentsOf(logs, query),
    [Symbol.dispose]: () => db[Symbol.dispose](),
  };
}

function subjectsOf(service: string): string[] {
  return [subjectId('service', service), subjectId('external', service)];
}

function checkView(
  check: Check,
  { log, state, now }: { log: HealthLog; state: CheckState | undefined; now: number },
): CheckView {
  const { id, host, subject } = check;
  const last = state?.last;
  return {
    id,
    external: subjectOf(subject).kind === 'external',
    host,
    state: viewOf(check, state, now),
    asked: last?.asked ?? '',
    detail: last?.detail ?? 'not asked yet',
    at: last === undefined ? null : new Date(last.at).toISOString(),
    planned: state?.planned ?? false,
    tookMs: last?.tookMs ?? null,
    responseTimes: log.responseTimes(id, '24h', now),
  };
}

function serviceHealth(
  views: readonly CheckView[],
  { open, uptime: uptimesKnown }: { open: IncidentView | undefined; uptime: Uptimes },
): ServiceHealth {
  const worst = (['down', 'unknown'] as const).find((state) => views.some((view) => view.state === state)) ?? 'up';
  return { state: worst, detail: detailOf(worst, views), since: open?.startedAt ?? null, uptime: uptimesKnown };
}

function detailOf(worst: View, views: readonly CheckView[]): string {
  if (worst === 'up') {
    const busy = views.find(({ planned }) => planned);
    return busy === undefined ? '' : `our own run has it: ${busy.detail}`;
  }
  const telling = views.find(({ state }) => state === worst);
  if (worst === 'down') return `${telling?.asked}: ${telling?.detail}`;
  return telling?.at === null ? 'not asked yet' : `nothing was heard since ${telling?.at}`;
}

function uptimes(log: HealthLog, service: string, now: number): Uptimes {
  const of = (window: Window) => uptime(log.times(subjectId('service', service), window, now));
  return Object.fromEntries(Object.keys(WINDOWS).map((window) => [window, of(window as Window)])) as Uptimes;
}

function incidentsOf(
  { log, heals }: { log: HealthLog; heals: Heals },
  { service, ...query }: { service?: string; open?: boolean; limit: number },
): IncidentView[] {
  const found =
    service === undefined
      ? log.incidents(query)
      : subjectsOf(service).flatMap((subject) => log.incidents({ ...query, subject }));
  return found
    .toSorted((a, b) => b.startedAt - a.startedAt)
    .slice(0, query.limit)
    .map((incident) => incidentView(incident, heals));
}

function incidentView(incident: Incident, heals: Heals): IncidentView {
  const { id, subject, startedAt, endedAt, cause, root, run, toldAt, gaveUpAt } = incident;
  const { kind, name } = subjectOf(subject);
  const tried = kind === 'service' ? heals.ofIncident(name, id) : [];
  const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  return {
    id,
    subject,
    startedAt: new Date(startedAt).toISOString(),
    endedAt: iso(endedAt),
    cause,
    root,
    run,
    toldAt: iso(toldAt),
    restarts: tried.map(({ run: restart, status, at }) => ({ run: restart, status, at })),
    gaveUpAt: iso(gaveUpAt),
  };
}
