/** A line of a run's log as a person reads it. */
import { z } from 'zod';
import type { Style, Tint } from '#cli/render/style.ts';
import { printable } from '#cli/render/text.ts';
import { clock } from '#cli/render/times.ts';

/** What a line must be to be shown as one; others are shown as they are. */
export const LogLine = z.object({
  at: z.string(),
  step: z.string().nullable(),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  message: z.string(),
  fields: z.record(z.string(), z.unknown()).default({}),
});
export type LogLine = z.output<typeof LogLine>;

const LEVELS: Record<LogLine['level'], { word: string; tint: Tint }> = {
  debug: { word: '', tint: 'quiet' },
  info: { word: '', tint: 'strong' },
  warn: { word: 'warning: ', tint: 'warn' },
  error: { word: 'error: ', tint: 'bad' },
};

/** @returns undefined for a line that was cut off, or is not of ours. */
export function parseLogLine(text: string): LogLine | undefined {
  try {
    return LogLine.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export function logText(line: LogLine, { zone, style }: { zone: string; style: Style }): string {
  const { word, tint } = LEVELS[line.level];
  const step = line.step === null ? '' : `${printable(line.step)}: `;
  const fields = Object.entries(line.fields).map(([name, value]) => `${name}=${printable(fieldText(value))}`);
  const message = word === '' ? printable(line.message) : style(tint, `${word}${printable(line.message)}`);
  const tail = fields.length === 0 ? '' : `  ${style('quiet', fields.join(' '))}`;
  return `${clock(line.at, zone)}  ${step}${message}${tail}`;
}

function fieldText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
