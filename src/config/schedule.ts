/** A `schedule:` of a section: a cron expression, or a map that says more. Any workflow's section may have one. */
import { z } from 'zod';
import { clockTime, duration, isTimezone } from '#config/fields.ts';
import { isObject } from '#config/instances.ts';
import type { FieldNotes } from '#config/introspect.ts';
import { addError, addWarning, type Finding, type Path } from '#config/issues.ts';
import { locate } from '#config/locate.ts';
import { fullPath, type Section } from '#config/section.ts';
import { formatDuration } from '#kernel/duration.ts';
import { errorText } from '#kernel/errors.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { nearest } from '#kernel/nearest.ts';
import { parseCron } from '#schedule/cron.ts';
import { openPlanner } from '#schedule/planner.ts';
import { CATCH_UPS, OVERLAPS, plainRules, type ScheduleRules, type TimeWindow, WEEKDAYS } from '#schedule/rules.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const YEAR_MS = 366 * DAY_MS;

export const WindowForm = z.object({
  start: clockTime().describe('When it begins, by the clock: "04:00"'),
  duration: duration()
    .refine((ms) => ms > 0 && ms <= 7 * DAY_MS, { message: 'must be more than 0s and at most 1w' })
    .describe('How long it lasts'),
  timezone: z.string().optional().describe('IANA zone of its clock. Default: that of the schedule'),
  every: z.array(z.enum(WEEKDAYS)).min(1).optional().describe('Days of the week on which it begins. Default: all'),
});
type WindowForm = z.output<typeof WindowForm>;

const ScheduleForm = z.object({
  cron: z.string().optional().describe('Cron with 5 or 6 fields, or @daily and the like'),
  every: duration()
    .refine((ms) => ms >= MINUTE_MS && ms <= YEAR_MS, { message: 'must be at least 1m and at most 366d' })
    .optional()
    .describe('Instead of cron: so often, counted from 1970-01-01 00:00 UTC, whatever the clocks do'),
  timezone: z.string().optional().describe('IANA zone whose clock cron follows. Default: global.timezone'),
  jitter: duration()
    .optional()
    .describe(
      'Services of the same slot start spread over so long. Default: the rest of the window, or 0s without one',
    ),
  overlap: z.enum(OVERLAPS).default('skip').describe('What becomes of a slot while the run before has not ended'),
  catch_up: z
    .enum(CATCH_UPS)
    .default('last')
    .describe('What is done later of what could not start: nothing, the last slot, or all of them'),
  catch_up_window: duration()
    .refine((ms) => ms > 0, { message: 'must be more than 0s' })
    .prefault('1w')
    .describe('How long after a slot it may be caught up'),
  window: WindowForm.nullable().optional().describe('Nothing starts outside of it'),
  blackout: z
    .union([WindowForm, z.array(WindowForm), z.null()])
    .meta({ expects: 'a map, or a list of maps, with start and duration' } satisfies FieldNotes)
    .optional()
    .describe('Nothing starts within: one such map, or a list'),
});

/** The field that a section with a schedule has. */
export function scheduleField() {
  return z
    .union([z.string(), z.literal(false), z.null(), ScheduleForm])
    .meta({
      expects: 'a cron expression such as "0 3 * * *" or @daily, a map with cron or every, or false',
    } satisfies FieldNotes)
    .default(null);
}

type Written = z.output<ReturnType<typeof scheduleField>>;

/** Own words over the default: a map key by key, where another `cron` or `every` takes the place of both. */
export function mergeSchedule(base: Json | undefined, own: Json): Json {
  if (!isObject(own)) return own;
  const given: JsonObject = typeof base === 'string' ? { cron: base } : isObject(base) ? base : {};
  const { cron: _cron, every: _every, ...rest } = given;
  return { ...('cron' in own || 'every' in own ? rest : given), ...own };
}

interface Spot {
  section: Section;
  /** Whether the value holds defaults from elsewhere, whose faults were reported there. */
  inherited: boolean;
}

/** @returns null when nothing is to run by itself, or when something in it is wrong; that is in the report. */
export function compileSchedule(schedule: Written, spot: Spot, timezone: string): ScheduleRules | null {
  if (schedule === null || schedule === false) return null;
  const form = typeof schedule === 'string' ? scheduleForm(schedule) : schedule;
  const tell = teller(spot);
  if (!saysWhen(form, spot, tell)) return null;
  const zone = form.timezone ?? timezone;
  const cronPath = typeof schedule === 'string' ? ['schedule'] : ['schedule', 'cron'];
  const parts = [
    checkZone(form.timezone, ['schedule', 'timezone'], tell),
    form.cron === undefined || checkCron(form.cron, cronPath, tell),
    checkWindows(form, tell),
    checkJitter(form, tell),
  ];
  if (parts.includes(false)) return null;
  const rules = rulesOf(form, zone);
  warnIfIdle(rules, typeof schedule === 'string' ? ['schedule'] : cronPath, spot);
  return rules;
}

/** A cron expression alone, as the map that it stands for. */
export function scheduleForm(cron: string): Form {
  return ScheduleForm.parse({ cron });
}

type Form = z.output<typeof ScheduleForm>;
type Tell = (paths: readonly Path[], problem: Omit<Finding, 'at' | 'path'>) => void;

/** Reports at the first of the places that was written here; what was written elsewhere was reported there. */
function teller({ section, inherited }: Spot): Tell {
  return (paths, problem) => {
    const written = paths.find((path) => locate(section.node, path).found);
    const path = written ?? paths[0] ?? ['schedule'];
    if (inherited && written === undefined) return;
    addError(section.report, { at: locate(section.node, path).at, path: fullPath({ section, path }), ...problem });
  };
}

/** Defaults may leave it to the services to say when. */
function saysWhen({ cron, every }: Form, { inherited }: Spot, tell: Tell): boolean {
  if (cron !== undefined && every !== undefined) {
    tell([['schedule', 'every']], { message: 'either "cron" or "every" says when, not both' });
    return false;
  }
  if (cron !== undefined || every !== undefined) return true;
  if (inherited) tell([['schedule']], { message: 'it does not say when: write "cron" or "every"' });
  return false;
}

function checkCron(cron: string, path: Path, tell: Tell): boolean {
  try {
    parseCron(cron, 'UTC');
    return true;
  } catch (error) {
    tell([path], { message: errorText(error) });
    return false;
  }
}

function checkZone(timezone: string | undefined, path: Path, tell: Tell): boolean {
  if (timezone === undefined || isTimezone(timezone)) return true;
  const message = `unknown time zone "${timezone}"; write a name such as Europe/Berlin or UTC`;
  tell([path], { message, suggestion: nearest(timezone, Intl.supportedValuesOf('timeZone')) });
  return false;
}

function checkWindows({ window, blackout }: Form, tell: Tell): boolean {
  const blackouts = listed(blackout).map((one, index) => {
    const place = Array.isArray(blackout) ? ['schedule', 'blackout', index] : ['schedule', 'blackout'];
    return checkZone(one.timezone, [...place, 'timezone'], tell);
  });
  return [checkZone(window?.timezone, ['schedule', 'window', 'timezone'], tell), ...blackouts].every(Boolean);
}

function checkJitter({ jitter, window }: Form, tell: Tell): boolean {
  if (jitter === undefined || window === undefined || window === null || jitter <= window.duration) return true;
  const paths = [
    ['schedule', 'jitter'],
    ['schedule', 'window'],
  ];
  const message = `the window (${formatDuration(window.duration)}) is shorter than the jitter (${formatDuration(jitter)})`;
  tell(paths, { message });
  return false;
}

function rulesOf(form: Form, timezone: string): ScheduleRules {
  return {
    ...plainRules('', timezone),
    cron: form.cron?.trim() ?? null,
    everyMs: form.every ?? null,
    jitterMs: form.jitter ?? null,
    overlap: form.overlap,
    catchUp: form.catch_up,
    catchUpWindowMs: form.catch_up_window,
    window: form.window === undefined || form.window === null ? null : windowOf(form.window, timezone),
    blackouts: listed(form.blackout).map((one) => windowOf(one, timezone)),
  };
}

function listed(blackout: Form['blackout']): WindowForm[] {
  if (blackout === undefined || blackout === null) return [];
  return Array.isArray(blackout) ? blackout : [blackout];
}

function windowOf({ start, duration: durationMs, timezone, every }: WindowForm, standard: string): TimeWindow {
  const [hour = '', minute = ''] = start.split(':');
  const weekdays = every?.map((day) => WEEKDAYS.indexOf(day)) ?? null;
  return { hour: Number(hour), minute: Number(minute), durationMs, timezone: timezone ?? standard, weekdays };
}

/** How many fires of the coming year are looked at. */
const MOST_LOOKS = 2_000;

/** What never starts is no error, since nothing breaks; but nobody wants it. */
function warnIfIdle(rules: ScheduleRules, path: Path, { section, inherited }: Spot): void {
  const { at, found } = locate(section.node, path);
  if (inherited && !found && !locate(section.node, ['schedule']).found) return;
  const planner = openPlanner({ ...rules, id: '', workflow: '', service: '', host: '' });
  const now = Date.now();
  let slot = planner.after(now);
  const warn = (message: string) => addWarning(section.report, { at, path: fullPath({ section, path }), message });
  if (slot === undefined) warn(`"${rules.cron}" never fires: there is no such date`);
  for (let looks = 0; slot !== undefined && slot.barred !== null; looks++) {
    if (looks === MOST_LOOKS || slot.nominal > now + YEAR_MS) {
      warn('nothing will start: each fire of the coming year is outside the window or in a blackout');
      return;
    }
    slot = planner.after(slot.nominal);
  }
}
