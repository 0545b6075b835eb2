/** Lines of text: columns, widths, and characters that a terminal must not act on. */
import { stripVTControlCharacters } from 'node:util';

export interface Column {
  title: string;
  align?: 'right';
}

/** Rows under a header, padded into columns; the last column is left as it is. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => width(row[i] ?? ''))));
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, i) => {
        const cell = cells[i] ?? '';
        if (align === 'right') return `${' '.repeat(Math.max(0, (widths[i] ?? 0) - width(cell)))}${cell}`;
        return i === columns.length - 1 ? cell : pad(cell, widths[i] ?? 0);
      })
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
}

/** The number of columns that a text takes, colour codes not counted. */
export function width(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length;
}

export function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - width(text)));
}

/** Cuts a line that may hold colour codes to a number of columns; what is cut off ends in `…`. */
export function cut(line: string, columns: number): string {
  if (width(line) <= columns) return line;
  let room = columns - 1;
  let kept = '';
  // oxlint-disable-next-line no-control-regex -- a colour code begins with the escape character
  for (const [piece] of line.matchAll(/\u001b\[[0-9;]*m|./gsu)) {
    if (piece.startsWith('\u001b')) kept += piece;
    else if (room > 0) {
      kept += piece;
      room -= 1;
    } else if (room === 0) {
      kept += '…';
      room = -1;
    }
  }
  return kept;
}

/** Text from outside with every control character spelled out: a file name must not move the cursor. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are the characters to be replaced
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/gu, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    return `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`;
  });
}

/** Breaks a text into lines of at most `columns`, each after `indent`. */
export function wrap(text: string, columns: number, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const piece of text.split(' ')) {
    if (line !== '' && width(indent) + width(line) + 1 + width(piece) > columns) {
      lines.push(indent + line);
      line = piece;
    } else line = line === '' ? piece : `${line} ${piece}`;
  }
  return [...lines, indent + line];
}

/** A block of a page under its title; nothing where there is nothing to say. */
export function part(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}
