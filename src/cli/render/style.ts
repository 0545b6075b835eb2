/** Colour that helps and never carries meaning alone. */
import { styleText } from 'node:util';

const TINTS = {
  good: 'green',
  bad: 'red',
  warn: 'yellow',
  busy: 'cyan',
  quiet: 'dim',
  strong: 'bold',
} as const;

export type Tint = keyof typeof TINTS;
export type Style = (tint: Tint, text: string) => string;

export function plain(_tint: Tint, text: string): string {
  return text;
}

export function coloured(tint: Tint, text: string): string {
  return styleText(TINTS[tint], text, { validateStream: false });
}

/** https://no-color.org: any value that is not empty turns colour off. */
export function wantsColour(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  if ((env['FORCE_COLOR'] ?? '') !== '') return env['FORCE_COLOR'] !== '0';
  return isTerminal && env['TERM'] !== 'dumb';
}
