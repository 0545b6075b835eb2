/** All that monitoring knows at one instant, and what it is asked with. Plain data: a step makes a new one of it. */
import type { Check } from '#monitor/check.ts';
import type { Graph } from '#monitor/graph.ts';
import type { CheckState } from '#monitor/judge.ts';
import type { OwnRun } from '#monitor/own-runs.ts';

export interface Incident {
  id: string;
  subject: string;
  /** The first of the bad answers (milliseconds). */
  startedAt: number;
  endedAt: number | null;
  /** What was seen: `GET http://…: connection refused`. */
  cause: string;
  /** The subject that is down and is needed by this one; null: nothing else is to blame. */
  root: string | null;
  /** Our run that had the service then, or shortly before. */
  run: string | null;
  /** When somebody was told the last time; null: nobody yet. */
  toldAt: number | null;
  reminders: number;
  /** Nothing is told before this instant: what it needs is to be asked first. */
  holdUntil: number;
  /** When we stopped restarting it, and called a person; null: we did not. */
  gaveUpAt: number | null;
}

export interface World {
  /** By key. */
  states: ReadonlyMap<string, CheckState>;
  /** Open ones, by subject. */
  incidents: ReadonlyMap<string, Incident>;
  /** Up to when the time of each subject is accounted for. */
  accounted: ReadonlyMap<string, number>;
}

export const NOTHING_KNOWN: World = { states: new Map(), incidents: new Map(), accounted: new Map() };

export interface Around {
  now: number;
  checks: ReadonlyMap<string, Check>;
  graph: Graph;
  /** Unfinished, or ended lately. */
  runs: readonly OwnRun[];
  /** How long nobody has been there (milliseconds); null: somebody is. */
  hostAwayMs(host: string): number | null;
  /** A host whose worker is away for longer is down. */
  hostPatienceMs: number;
  reminderMs: number | null;
}

export type Told = { what: 'down' | 'still' | 'up'; incident: Incident };

/** A service that might be restarted. */
export interface Mendable {
  incident: Incident;
  /** When it was last seen not to work (milliseconds). */
  badAt: number;
}

/** A piece of time, and of answers, to be added to the history of one key. */
export interface Delta {
  key: string;
  at: number;
  upMs: number;
  downMs: number;
  plannedMs: number;
  /** Answers, and how many of them were bad. */
  count: number;
  bad: number;
  /** How long a good answer took; null: there was none. */
  tookMs: number | null;
}

export interface Step {
  world: World;
  /** Keys whose state is another. */
  touched: string[];
  /** Incidents that are new, changed or ended. */
  incidents: Incident[];
  told: Told[];
  /** Services that are surely down, with nothing else to blame, and that nobody is at work on. */
  mendable: Mendable[];
  deltas: Delta[];
}
