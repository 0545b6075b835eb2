/** The regular report as a message: what went well, what did not, and what a person should look at. */
import { formatDuration } from '#kernel/duration.ts';
import { derivedId } from '#kernel/ids.ts';
import { subjectName } from '#monitor/check.ts';
import { localTime } from '#notify/local-time.ts';
import { type Origin, senderLine } from '#notify/sender.ts';
import type { Message } from '#sdk/kinds/notification.ts';

/** What the history holds of the time that a report is about. */
export interface ReportHistory {
  /** Runs that have ended, counted. */
  runs: readonly { workflow: string; service: string; status: string; count: number }[];
  /** Slots that did not run although they were to, counted. */
  missed: readonly { schedule: string; count: number }[];
  /** Backups that are kept, and how many of them no drill has restored. */
  points: readonly { service: string; kept: number; unproven: number }[];
  incidents: readonly { subject: string; startedAt: number; endedAt: number | null; cause: string }[];
}

/** What is so when it is written. */
export interface ReportWorld {
  /** Uptime from 0 to 1, of what is watched. */
  uptime: { window: string; services: readonly { service: string; share: number }[] };
  /** Versions that wait; null: it could not be found out. */
  updates: readonly { service: string; versions: readonly string[] }[] | null;
  /** How much room each destination has, or why that is not known. */
  destinations: readonly { name: string; room: string }[];
}

export interface ReportScene {
  /** The nominal instant by which the report goes, and when the one before it was made (milliseconds). */
  from: number;
  slot: number;
  origin: Origin;
  host: string;
  at: Date;
}

export function reportMessage(history: ReportHistory, world: ReportWorld, scene: ReportScene): Message {
  const { from, slot, origin, host, at } = scene;
  const local = (ms: number) => localTime(new Date(ms).toISOString(), origin.timezone);
  const troubles = troublesOf(history);
  return {
    id: derivedId('report', String(slot)),
    event: 'report',
    severity: troubles.length === 0 ? 'info' : 'warning',
    title: troubles.length === 0 ? 'Report: nothing went wrong' : `Report: ${troubles.join(', ')}`,
    text: [
      `From ${local(from)} to ${local(slot)}.`,
      '',
      ...WORKFLOWS.map(({ workflow, title }) => runsLine(history, workflow, title)),
      ...proofLines(history),
      ...missedLines(history),
      ...updateLines(world),
      ...incidentLines(history, scene),
      ...worldLines(world),
      '',
      senderLine(origin, host, at),
    ].join('\n'),
    host,
    at: at.toISOString(),
  };
}

const WORKFLOWS = [
  { workflow: 'backup', title: 'Backups' },
  { workflow: 'drill', title: 'Restore drills' },
  { workflow: 'update', title: 'Updates' },
] as const;

/** What is beyond these is counted: vendors cut long texts. */
const MOST_NAMES = 10;

const BAD = new Set(['failed', 'rolled_back', 'needs_attention']);

function troublesOf({ runs, missed, incidents }: ReportHistory): string[] {
  const failed = sum(runs.filter(({ status }) => BAD.has(status)));
  const skipped = sum(missed);
  const told = [
    { count: failed, word: failed === 1 ? 'run failed' : 'runs failed' },
    { count: skipped, word: 'did not run' },
    { count: incidents.length, word: incidents.length === 1 ? 'incident' : 'incidents' },
  ];
  return told.flatMap(({ count, word }) => (count === 0 ? [] : [`${count} ${word}`]));
}

function runsLine({ runs }: ReportHistory, workflow: string, title: string): string {
  const mine = runs.filter((run) => run.workflow === workflow);
  const bad = mine.filter(({ status }) => BAD.has(status));
  const good = sum(mine.filter(({ status }) => status === 'succeeded'));
  const names = [...Map.groupBy(bad, ({ service }) => service)].map(([service, all]) => counted(service, sum(all)));
  return `${title}: ${good} made, ${sum(bad)} failed${names.length === 0 ? '' : ` (${listed(names)})`}.`;
}

function proofLines({ points }: ReportHistory): string[] {
  const kept = points.reduce((all, one) => all + one.kept, 0);
  if (kept === 0) return ['Restore points: none is kept.'];
  const unproven = points.reduce((all, one) => all + one.unproven, 0);
  const never = points.filter((one) => one.unproven === one.kept).map(({ service }) => service);
  const names = never.length === 0 ? '' : ` Of ${listed(never)} no drill has restored any.`;
  return [`Restore points: ${kept} kept, ${unproven} of them not proven by a drill.${names}`];
}

function missedLines({ missed }: ReportHistory): string[] {
  const names = missed.map(({ schedule, count }) => counted(schedule, count));
  return [names.length === 0 ? 'Schedules: all kept.' : `Schedules that did not run: ${listed(names)}.`];
}

function updateLines({ updates }: ReportWorld): string[] {
  if (updates === null) return ['Updates that wait: could not be found out; see  homelab-autopilot updates'];
  const names = updates.map(({ service, versions }) => `${service} ${versions.join(' and ')}`);
  return [names.length === 0 ? 'Updates that wait: none.' : `Updates that wait: ${listed(names)}.`];
}

function incidentLines({ incidents }: ReportHistory, { slot }: ReportScene): string[] {
  if (incidents.length === 0) return ['Incidents: none.'];
  const lines = incidents.slice(0, MOST_NAMES).map(({ subject, startedAt, endedAt, cause }) => {
    const lastedMs = Math.max(0, (endedAt ?? slot) - startedAt);
    const lasted = formatDuration(Math.round(lastedMs / 1_000) * 1_000);
    return `- ${subjectName(subject)}, ${lasted}${endedAt === null ? ' and still' : ''}: ${cause}`;
  });
  const rest = incidents.length - lines.length;
  return [`Incidents: ${incidents.length}.`, ...lines, ...(rest > 0 ? [`- … and ${rest} more`] : [])];
}

function worldLines({ uptime, destinations }: ReportWorld): string[] {
  const shares = uptime.services.map(({ service, share }) => `${service} ${(share * 100).toFixed(2)} %`);
  const rooms = destinations.map(({ name, room }) => `${name} ${room}`);
  return [
    ...(shares.length === 0 ? [] : [`Uptime of ${uptime.window}: ${listed(shares)}.`]),
    ...(rooms.length === 0 ? [] : [`Destinations: ${listed(rooms)}.`]),
  ];
}

function counted(name: string, count: number): string {
  return count === 1 ? name : `${name} ${count} times`;
}

function listed(names: readonly string[]): string {
  const rest = names.length - MOST_NAMES;
  return [...names.slice(0, MOST_NAMES), ...(rest > 0 ? [`${rest} more`] : [])].join(', ');
}

function sum(all: readonly { count: number }[]): number {
  return all.reduce((total, { count }) => total + count, 0);
}
