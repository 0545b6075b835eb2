/** What is typed for `--input` and `--at`, as data. */
import { z } from 'zod';
import { dayOf, type Moment, wallTime } from '#cli/render/times.ts';
import { usage } from '#cli/spec.ts';
import type { Json, JsonObject } from '#kernel/json.ts';

const Value = z.json();
const DAY_MS = 86_400_000;

/** `to=1.2 keep=3 force=true`: a value that is JSON is taken as JSON, any other as text. */
export function parseInput(pairs: readonly string[]): JsonObject {
  const input: JsonObject = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw usage(`--input: "${pair}" is not of the form key=value`);
    const key = pair.slice(0, at);
    if (Object.hasOwn(input, key)) throw usage(`--input: "${key}" is given twice`);
    // `__proto__` as an own member, not as what it means to an assignment.
    Object.defineProperty(input, key, { value: valueOf(pair.slice(at + 1)), enumerable: true });
  }
  return input;
}

function valueOf(text: string): Json {
  try {
    const value = Value.parse(JSON.parse(text));
    // A version 1.10 is not the number 1.1.
    return typeof value === 'number' && String(value) !== text ? text : value;
  } catch {
    return text;
  }
}

/**
 * `02:30` is the next time the clock shows it; `2026-03-01 02:30` is wall time of the homelab's zone; with an offset or
 * `Z` it is that instant.
 * @returns the instant in ISO 8601.
 */
export function parseAt(text: string, moment: Moment): string {
  const clock = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text);
  if (clock !== null) return nextClock(`${(clock[1] ?? '').padStart(2, '0')}:${clock[2]}`, moment).toISOString();
  const local = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2})(:\d{2})?$/.exec(text);
  const date = local === null ? exact(text) : wallTime(`${local[1]}T${local[2]}${local[3] ?? ':00'}`, moment.zone);
  if (date === null || Number.isNaN(date.getTime())) {
    throw usage(`--at: "${text}" is not a time`, 'Write HH:MM, YYYY-MM-DD HH:MM, or 2026-03-01T02:30:00+01:00');
  }
  if (date < moment.now) throw usage(`--at: ${text} is in the past`);
  return date.toISOString();
}

function exact(text: string): Date | null {
  return /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(text) ? new Date(text) : null;
}

function nextClock(time: string, { zone, now }: Moment): Date {
  const today = wallTime(`${dayOf(now, zone)}T${time}:00`, zone);
  if (today > now) return today;
  return wallTime(`${dayOf(new Date(now.getTime() + DAY_MS), zone)}T${time}:00`, zone);
}
