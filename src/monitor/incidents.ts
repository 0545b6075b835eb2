/** Incidents: when one begins and ends, who is to blame, and when somebody is told. */
import { derivedId } from '#kernel/ids.ts';
import { staleAfterMs, subjectId, subjectOf } from '#monitor/check.ts';
import type { CheckState, View } from '#monitor/judge.ts';
import { viewOf } from '#monitor/judge.ts';
import { lastRunBefore, plannedBy } from '#monitor/own-runs.ts';
import type { Around, Incident, Mendable, Told } from '#monitor/world.ts';

interface Known {
  states: ReadonlyMap<string, CheckState>;
  incidents: ReadonlyMap<string, Incident>;
}

interface Settled {
  open: Map<string, Incident>;
  changed: Incident[];
  told: Told[];
  mendable: Mendable[];
}

interface Scene {
  known: Known;
  members: ReadonlyMap<string, ReadonlySet<string>>;
  around: Around;
  /** Incidents as they are to be after this step. */
  open: Map<string, Incident>;
}

/** What a subject needs is asked soon; a word of it that never comes is not waited for longer than this (milliseconds). */
const MARGIN_MS = 15_000;

export function settle(known: Known, members: ReadonlyMap<string, ReadonlySet<string>>, around: Around): Settled {
  const scene: Scene = { known, members, around, open: new Map(known.incidents) };
  const told: Told[] = [];
  const hosts = new Set([...around.checks.values()].map(({ host }) => subjectId('host', host)));
  // Roots first, so that what needs them finds their incidents.
  const subjects = [...new Set([...hosts, ...members.keys(), ...known.incidents.keys()])];
  const ordered = subjects.toSorted((a, b) => around.graph.needs(a).length - around.graph.needs(b).length);
  for (const subject of ordered) {
    const tale = settleOne(scene, subject, hosts);
    if (tale !== undefined) told.push(tale);
  }
  const changed = [...scene.open].flatMap(([subject, one]) => (one === known.incidents.get(subject) ? [] : [one]));
  for (const [subject, { endedAt }] of scene.open) if (endedAt !== null) scene.open.delete(subject);
  const mendable = [...scene.open.values()].flatMap((incident) => mendableOf(scene, incident) ?? []);
  return { open: scene.open, changed, told, mendable };
}

/** Whether the service itself is what has to be started anew: asked of it, on a host that is there, and known to be down. */
function mendableOf(scene: Scene, incident: Incident): Mendable | undefined {
  const { around } = scene;
  const { subject, toldAt, root } = incident;
  if (subjectOf(subject).kind !== 'service' || toldAt === null || root !== null) return undefined;
  if (viewOfSubject(scene, subject) !== 'down' || isUnsettled(scene, incident)) return undefined;
  if (plannedBy(subject, { from: around.now, to: around.now }, around) !== undefined) return undefined;
  // Silence is no sign of a program that hangs: what is to report may run elsewhere, and once a day.
  const bad = statesOf(scene, subject).filter(({ state, last }) => {
    const kind = around.checks.get(last.check)?.ask.kind ?? 'heartbeat';
    return kind !== 'heartbeat' && state === 'down' && !last.ok;
  });
  return bad.length === 0 ? undefined : { incident, badAt: Math.max(...bad.map(({ last }) => last.at)) };
}

function settleOne(scene: Scene, subject: string, hosts: ReadonlySet<string>): Told | undefined {
  const { around, open } = scene;
  const view = viewOfSubject(scene, subject);
  const incident = open.get(subject);
  if (incident === undefined) {
    if (view === 'down') open.set(subject, begin(scene, subject));
  } else if (view === 'up' || isGone(scene, subject, hosts)) {
    const ended = { ...incident, endedAt: around.now };
    open.set(subject, ended);
    return incident.toldAt === null ? undefined : { what: 'up', incident: ended };
  }
  const current = open.get(subject);
  return current === undefined || view !== 'down' ? undefined : tell(scene, current);
}

function begin(scene: Scene, subject: string): Incident {
  const { around } = scene;
  const worst = statesOf(scene, subject).find(({ state }) => state === 'down');
  const { kind, name } = subjectOf(subject);
  const awayMs = kind === 'host' ? (around.hostAwayMs(name) ?? 0) : 0;
  const startedAt = worst?.since ?? around.now - awayMs;
  return {
    id: derivedId('incident', subject, String(startedAt)),
    subject,
    startedAt,
    endedAt: null,
    cause: worst === undefined ? 'no worker of it is there' : causeOf(worst),
    root: null,
    run: lastRunBefore(subject, startedAt, around)?.id ?? null,
    toldAt: null,
    reminders: 0,
    holdUntil: 0,
    gaveUpAt: null,
  };
}

function causeOf({ last: { asked, detail } }: CheckState): string {
  return `${asked}: ${detail}`;
}

/** Tells of an incident when it is time to; a change that is not told is left in `scene.open`. */
function tell(scene: Scene, incident: Incident): Told | undefined {
  const { around, open } = scene;
  const { now, reminderMs } = around;
  const { subject } = incident;
  // The last one needs nothing itself: it is what a person has to mend.
  const root = around.graph.needs(subject).findLast((needed) => isDown(scene, needed)) ?? null;
  if (root !== null) {
    if (incident.root !== root) open.set(subject, { ...incident, root });
    return undefined;
  }
  if (plannedBy(subject, { from: now, to: now }, around) !== undefined) return undefined;
  if (incident.toldAt !== null) {
    if (reminderMs === null || now - incident.toldAt < reminderMs) return undefined;
    const again = { ...incident, toldAt: now, reminders: incident.reminders + 1 };
    open.set(subject, again);
    return { what: 'still', incident: again };
  }
  // What it needed has come back: it has as long as any service has to do so, too.
  const held =
    incident.root === null ? incident : { ...incident, root: null, holdUntil: now + patienceOf(scene, subject) };
  if (held !== incident) open.set(subject, held);
  if (now < held.holdUntil || isUnsettled(scene, held)) return undefined;
  const first = { ...held, toldAt: now };
  open.set(subject, first);
  return { what: 'down', incident: first };
}

function isDown(scene: Scene, subject: string): boolean {
  const incident = scene.open.get(subject);
  return incident !== undefined && incident.endedAt === null;
}

/** Whether something that it needs may be down as well, and just was not asked often enough yet. */
function isUnsettled(scene: Scene, { subject, startedAt }: Incident): boolean {
  const { graph, now, hostAwayMs } = scene.around;
  return graph.needs(subject).some((needed) => {
    const { kind, name } = subjectOf(needed);
    if (kind === 'host') return hostAwayMs(name) !== null;
    const longest = patienceOf(scene, needed) + MARGIN_MS;
    return statesOf(scene, needed).some(({ badSince, last }) => {
      if (badSince !== null) return now < badSince + longest;
      return last.at < startedAt && now < startedAt + longest;
    });
  });
}

/** How long it takes a subject that changes to be known as changed. */
function patienceOf(scene: Scene, subject: string): number {
  const checks = [...(scene.members.get(subject) ?? [])].flatMap((key) => {
    const id = scene.known.states.get(key)?.last.check ?? key;
    return scene.around.checks.get(id) ?? [];
  });
  return Math.max(
    0,
    ...checks.map(({ intervalMs, failureThreshold: bad, successThreshold: good }) => {
      return intervalMs * Math.max(bad, good);
    }),
  );
}

function statesOf({ known, members }: Scene, subject: string): CheckState[] {
  return [...(members.get(subject) ?? [])].flatMap((key) => known.states.get(key) ?? []);
}

function viewOfSubject(scene: Scene, subject: string): View {
  const { around, known, members } = scene;
  const { kind, name } = subjectOf(subject);
  if (kind === 'host') return viewOfHost(around, name);
  const views = [...(members.get(subject) ?? [])].map((key) => {
    const state = known.states.get(key);
    const check = around.checks.get(state?.last.check ?? key);
    return check === undefined ? 'unknown' : viewOf(check, state, around.now);
  });
  if (views.includes('down')) return 'down';
  return views.length === 0 || views.includes('unknown') ? 'unknown' : 'up';
}

function viewOfHost({ hostAwayMs, hostPatienceMs }: Pick<Around, 'hostAwayMs' | 'hostPatienceMs'>, name: string): View {
  const awayMs = hostAwayMs(name);
  if (awayMs === null) return 'up';
  return awayMs >= hostPatienceMs ? 'down' : 'unknown';
}

/** It is not watched any more: taken out of the configuration, or a file system that is not mounted. */
function isGone(scene: Scene, subject: string, hosts: ReadonlySet<string>): boolean {
  const { kind } = subjectOf(subject);
  if (kind === 'host') return !hosts.has(subject);
  if ((scene.members.get(subject)?.size ?? 0) === 0) return true;
  if (kind !== 'resource') return false;
  const { checks, now, hostAwayMs } = scene.around;
  return statesOf(scene, subject).every(({ last }) => {
    const check = checks.get(last.check);
    return check === undefined || (hostAwayMs(check.host) === null && now - last.at > staleAfterMs(check));
  });
}
