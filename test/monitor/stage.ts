/** A homelab of checks without a world behind it: answers are given, time passes at once. */
import { advance } from '#monitor/advance.ts';
import type { Check, Result } from '#monitor/check.ts';
import type { GraphService } from '#monitor/graph.ts';
import { openGraph } from '#monitor/graph.ts';
import type { OwnRun } from '#monitor/own-runs.ts';
import type { Delta, Incident, Mendable, Told, World } from '#monitor/world.ts';
import { NOTHING_KNOWN } from '#monitor/world.ts';

export const MINUTE = 60_000;

export function checkOf(service: string, more: Partial<Check> = {}): Check {
  return {
    id: `${service}/web`,
    subject: `service:${service}`,
    host: 'nas',
    ask: { kind: 'probe', probe: {} },
    intervalMs: MINUTE,
    timeoutMs: 10_000,
    failureThreshold: 3,
    successThreshold: 2,
    ...more,
  };
}

export function diskOf(host: string, limit = 90): Check {
  return {
    ...checkOf(host),
    id: `${host}/disk`,
    subject: `resource:${host}/disk`,
    host,
    ask: { kind: 'resource', resource: 'disk', limit },
  };
}

export function resultOf(check: Check, at: number, more: Partial<Result> = {}): Result {
  const detail = more.ok === false ? 'connection refused' : 'answered 200';
  return { check: check.id, item: null, asked: 'GET /', ok: true, detail, tookMs: 20, value: null, at, ...more };
}

export interface Stage {
  world: World;
  told: Told[];
  /** Those that have ended as well, as they are now. */
  incidents(): Incident[];
  deltas: Delta[];
  /** Of the last step. */
  mendable: readonly Mendable[];
  runs: OwnRun[];
  away: Map<string, number>;
  /** Gives the answers, and lets everything be looked at at this instant. */
  step(now: number, ...results: Result[]): void;
}

export function stageOf(
  checks: readonly Check[],
  services: readonly GraphService[] = [],
  reminderMs: number | null = null,
): Stage {
  const graph = openGraph(services);
  const all = new Map<string, Incident>();
  const stage: Stage = {
    world: NOTHING_KNOWN,
    told: [],
    incidents: () => [...all.values()],
    deltas: [],
    mendable: [],
    runs: [],
    away: new Map(),
    step(now, ...results) {
      const step = advance(stage.world, results, {
        now,
        checks: new Map(checks.map((check) => [check.id, check])),
        graph,
        runs: stage.runs,
        hostAwayMs: (host) => stage.away.get(host) ?? null,
        hostPatienceMs: 3 * MINUTE,
        reminderMs,
      });
      stage.world = step.world;
      stage.mendable = step.mendable;
      stage.told.push(...step.told);
      stage.deltas.push(...step.deltas);
      for (const incident of step.incidents) all.set(incident.id, incident);
    },
  };
  return stage;
}

/** `down service:notes` */
export function tales({ told }: Pick<Stage, 'told'>): string[] {
  return told.map(({ what, incident }) => `${what} ${incident.subject}`);
}
