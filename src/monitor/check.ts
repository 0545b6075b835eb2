/** What is checked, and what a check found: the words that controller and workers share. */
import { z } from 'zod';
import { PluginRef } from '#sdk/plan.ts';

export const RESOURCES = ['disk', 'inodes', 'memory', 'swap', 'load'] as const;
export type Resource = (typeof RESOURCES)[number];

/** How it is found out: a worker asks, or, for a heartbeat, the controller listens. */
const Ask = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('probe'), probe: z.record(z.string(), z.json()) }),
  z.object({ kind: z.literal('hypervisor'), plugin: PluginRef }),
  z.object({ kind: z.literal('heartbeat'), name: z.string(), everyMs: z.number().positive() }),
  z.object({ kind: z.literal('resource'), resource: z.enum(RESOURCES), limit: z.number() }),
]);

export const Check = z.object({
  /** Made from the question: asked the same way after a change of the configuration, it keeps its history. */
  id: z.string(),
  /** Who is down when it is bad. */
  subject: z.string(),
  host: z.string(),
  ask: Ask,
  intervalMs: z.number().positive(),
  timeoutMs: z.number().positive(),
  failureThreshold: z.int().positive(),
  successThreshold: z.int().positive(),
});
export type Check = z.output<typeof Check>;

export const Finding = z.object({
  check: z.string(),
  /** Which of several things the check looks at: a file system. */
  item: z.string().nullable(),
  /** The question in words. */
  asked: z.string(),
  ok: z.boolean(),
  detail: z.string(),
  /** How long the answer took. */
  tookMs: z.number().nonnegative(),
  /** What was measured of a resource. */
  value: z.number().nullable(),
  /** When a heartbeat last reported (milliseconds); left out: it has not, or it is none. */
  heardAt: z.number().optional(),
});
export type Finding = z.output<typeof Finding>;

/** A finding with its instant (milliseconds). */
export interface Result extends Finding {
  at: number;
}

/**
 * Who can be down. `service`: it does not work; `external`: it cannot be reached from outside; `host`: no worker of it is
 * there; `hypervisor`: its platform does not answer; `resource`: something of a host runs out.
 */
export type SubjectKind = 'service' | 'external' | 'host' | 'hypervisor' | 'resource';

export function subjectId(kind: SubjectKind, name: string): string {
  return `${kind}:${name}`;
}

export function subjectOf(id: string): { kind: SubjectKind; name: string } {
  const at = id.indexOf(':');
  return { kind: id.slice(0, at) as SubjectKind, name: id.slice(at + 1) };
}

/** In words: `web`, `host nas`, `nas: disk /srv`. What is down of a service, and from where, is not said. */
export function subjectName(id: string): string {
  const { kind, name } = subjectOf(id);
  if (kind === 'host' || kind === 'hypervisor') return `${kind} ${name}`;
  return kind === 'resource' ? name.replace('/', ': ') : name;
}

/** The check that a report of this name belongs to, on whichever machine it is made. */
export function heartbeatId(name: string): string {
  return `heartbeat ${name}`;
}

/** Under which its history is kept. */
export function keyOf({ check, item }: Pick<Finding, 'check' | 'item'>): string {
  return item === null ? check : `${check} ${item}`;
}

/** The subject of one finding: each file system is one of its own. */
export function subjectOfFinding(check: Check, item: string | null): string {
  return item === null ? check.subject : `${check.subject} ${item}`;
}

/** Without a word of it for so long (milliseconds), nothing is known of it. */
export function staleAfterMs({ intervalMs, timeoutMs }: Pick<Check, 'intervalMs' | 'timeoutMs'>): number {
  return 3 * intervalMs + timeoutMs + 30_000;
}

/** As much as is known of a question before it is read. */
export function wordOf(ask: Check['ask']): string {
  if (ask.kind === 'resource') return ask.resource;
  if (ask.kind === 'hypervisor') return `hypervisor ${ask.plugin.name}`;
  if (ask.kind === 'heartbeat') return heartbeatId(ask.name);
  return typeof ask.probe['type'] === 'string' ? ask.probe['type'] : 'probe';
}
