/** An incident as a message: what is down, since when, what else is hit, what we were doing. */
import { formatDuration } from '#kernel/duration.ts';
import { derivedId, shortId } from '#kernel/ids.ts';
import type { SubjectKind } from '#monitor/check.ts';
import { subjectName, subjectOf } from '#monitor/check.ts';
import type { Told } from '#monitor/world.ts';
import { localTime } from '#notify/local-time.ts';
import { type Origin, senderLine } from '#notify/sender.ts';
import type { EventName } from '#sdk/events.ts';
import type { Message } from '#sdk/kinds/notification.ts';

export interface IncidentScene {
  origin: Origin;
  host: string;
  /** Subjects that are down because of this one. */
  hit: readonly string[];
  /** Our run that restarted it last, and succeeded; null: it came back otherwise. */
  mended: string | null;
  at: Date;
}

export function incidentMessage({ what, incident }: Told, { origin, host, hit, mended, at }: IncidentScene): Message {
  const { id, subject, startedAt, reminders, run } = incident;
  const event = eventOf(subject, what);
  const lastedMs = Math.max(0, (incident.endedAt ?? at.getTime()) - startedAt);
  const lasted = formatDuration(Math.round(lastedMs / 1_000) * 1_000);
  const since = localTime(new Date(startedAt).toISOString(), origin.timezone);
  const lines =
    what === 'up'
      ? [`It was down for ${lasted}, since ${since}.`, `What was wrong: ${incident.cause}`]
      : [`Since ${since}${what === 'still' ? ` (${lasted})` : ''}.`, incident.cause];
  return {
    id: derivedId('message', id, what, String(reminders)),
    event,
    severity: what === 'up' ? 'info' : SEVERITY[subjectOf(subject).kind],
    title: `${subjectName(subject)} ${wordsOf(subject, what)}`,
    text: [
      ...lines,
      ...(hit.length === 0 || what === 'up'
        ? []
        : [`Down because of it: ${[...new Set(hit.map(subjectName))].join(', ')}.`]),
      ...(run === null
        ? []
        : [`Our run ${shortId(run)} had it at that time: see  homelab-autopilot runs show ${shortId(run)}`]),
      ...(what !== 'up' || mended === null ? [] : [`We restarted it, in run ${shortId(mended)}.`]),
      ...(what === 'up' ? [] : [nextOf(subject)]),
      '',
      senderLine(origin, host, at),
    ].join('\n'),
    service: serviceOf(subject),
    host,
    at: at.toISOString(),
  };
}

const SEVERITY: Record<SubjectKind, Message['severity']> = {
  service: 'error',
  external: 'error',
  host: 'error',
  hypervisor: 'error',
  resource: 'warning',
};

function eventOf(subject: string, what: Told['what']): EventName {
  if (what === 'up') return 'service_recovered';
  const { kind, name } = subjectOf(subject);
  if (kind === 'external') return 'external_access_failed';
  if (kind !== 'resource') return 'service_down';
  return /^[^/]+\/(?:disk|inodes)\b/.test(name) ? 'disk_space_warning' : 'resource_warning';
}

/** By which routes and the cooldown know it; a host or a file system is no service, and so has a name that none can have. */
export function serviceOf(subject: string): string {
  const { kind, name } = subjectOf(subject);
  return kind === 'service' || kind === 'external' ? name : subject;
}

function wordsOf(subject: string, what: Told['what']): string {
  const { kind } = subjectOf(subject);
  const [down, up] = WORDS[kind];
  if (what === 'up') return up;
  if (what === 'down') return down;
  return down.startsWith('is ') ? down.replace('is ', 'is still ') : `still ${down}`;
}

const WORDS: Record<SubjectKind, [down: string, up: string]> = {
  service: ['is down', 'is up again'],
  external: ['cannot be reached from outside', 'can be reached from outside again'],
  host: ['is away: no worker of it is there', 'is there again'],
  hypervisor: ['does not answer', 'answers again'],
  resource: ['is nearly used up', 'has room again'],
};

function nextOf(subject: string): string {
  const { kind, name } = subjectOf(subject);
  if (kind === 'host') return `Next: is ${name} on, and does  homelab-autopilot worker --host ${name}  run there?`;
  if (kind === 'hypervisor')
    return 'Next: is it on, and do its address and credentials still hold? See  homelab-autopilot doctor';
  if (kind === 'resource') return 'Next: make room, or raise the limit under  monitoring.resources';
  return `Next: look with  homelab-autopilot services show ${name}, ask again with  homelab-autopilot check ${name}`;
}
