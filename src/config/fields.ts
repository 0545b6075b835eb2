/** Kinds of values that several keys share: durations, sizes, paths, names, zones. */
import { z } from 'zod';
import type { FieldNotes } from '#config/introspect.ts';
import { DURATION_PATTERN, formatDuration, parseDuration } from '#kernel/duration.ts';
import { parseSize } from '#kernel/size.ts';

const DURATION_FORMS = 'a duration such as 30s, 5m, 1h30m, 2d or 1w';

/** Timers count milliseconds in 31 bits: a longer one would go off at once. */
const LONGEST_TIMER_MS = 24 * 86_400_000;

/** A length of time, as milliseconds. */
export function duration(): z.ZodType<number, string> {
  return z
    .string()
    .meta({ expects: DURATION_FORMS, pattern: DURATION_PATTERN.source } satisfies FieldNotes & { pattern: string })
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms !== undefined) return ms;
      context.issues.push({ code: 'custom', input: text, message: `"${text}" is not ${DURATION_FORMS}` });
      return z.NEVER;
    });
}

/** A time limit: more than nothing, and no more than a timer can count. */
export function timeLimit(): z.ZodType<number, string> {
  return duration().refine((ms) => ms > 0 && ms <= LONGEST_TIMER_MS, {
    message: `must be more than 0s and at most ${formatDuration(LONGEST_TIMER_MS)}`,
  });
}

const SIZE_FORMS = 'a size such as 500M, 10G or 1.5T';

/** An amount of data, as bytes. */
export function size(): z.ZodType<number, string> {
  return z
    .string()
    .meta({ expects: SIZE_FORMS } satisfies FieldNotes)
    .transform((text, context) => {
      const bytes = parseSize(text);
      if (bytes !== undefined && bytes > 0) return bytes;
      context.issues.push({ code: 'custom', input: text, message: `"${text}" is not ${SIZE_FORMS}` });
      return z.NEVER;
    });
}

const CLOCK = /^([01]?\d|2[0-3]):([0-5]\d)$/;

/** A time of the clock, to the minute. */
export function clockTime(): z.ZodString {
  return z.string().regex(CLOCK, 'not a time of the clock: write it as "22:00"');
}

/** A file or directory; a relative one counts from the directory of the file that it is written in. */
export function filePath(): z.ZodString {
  return z
    .string()
    .min(1)
    .meta({ path: true } satisfies FieldNotes);
}

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const HOST = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** The name of a service or a destination: it becomes a directory, a queue and a word on the command line. */
export function instanceName(): z.ZodString {
  return z
    .string()
    .regex(
      NAME,
      'a name has small letters, digits, ".", "_" and "-", begins with a letter or digit, and is at most 63 long',
    );
}

export function hostName(): z.ZodString {
  return z
    .string()
    .regex(
      HOST,
      'a host name has letters, digits, ".", "_" and "-", begins with a letter or digit, and is at most 63 long',
    );
}

export function isTimezone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
