/** Understands what GNU tar says while it archives: which names vanished, changed, or cannot be read. */

export type TarMessage =
  | { kind: 'vanished' | 'warning' | 'unreadable'; name: string; text: string }
  | { kind: 'progress'; records: number }
  | { kind: 'total'; bytes: number }
  | { kind: 'no-space' | 'other'; text: string }
  | { kind: 'noise' };

/** The word with which tar reports how many records it has written. */
export const PROGRESS_WORD = 'autopilot-records';

const NOISE = [/^tar: Exiting with failure status/, /^tar: Error is not recoverable/, /: socket ignored$/];
const VANISHED = [
  /^tar: (.*): (Cannot (?:open|stat|readlink): No such file or directory)$/,
  /^tar: (.*): (File removed before we read it)$/,
];
const WARNINGS = [
  /^tar: (.*): (file changed as we read it)$/,
  /^tar: (.*): (File shrank by \d+ bytes?; padding with zeros)$/,
  /^tar: (.*): Warning: (.*)$/,
];
const UNREADABLE = /^tar: (.*): ((?:Cannot|Read error|Unable) .*)$/;

/** One line of tar's standard error, in the C locale and with `--quoting-style=escape`. */
export function readTarMessage(printed: string): TarMessage {
  // tar names itself as it was started, which may be with its full path.
  const line = printed.replace(/^\S*\/tar(?= \(child\)|:)/, 'tar');
  const progress = new RegExp(`^tar: ${PROGRESS_WORD} (\\d+)$`).exec(line);
  if (progress !== null) return { kind: 'progress', records: Number(progress[1]) };
  const total = /^Total bytes written: (\d+)/.exec(line);
  if (total !== null) return { kind: 'total', bytes: Number(total[1]) };
  if (line === '' || NOISE.some((pattern) => pattern.test(line))) return { kind: 'noise' };
  if (/No space left on device|Disk quota exceeded/.test(line)) return { kind: 'no-space', text: line };
  for (const pattern of VANISHED) {
    const match = pattern.exec(line);
    if (match !== null) return { kind: 'vanished', name: match[1] ?? '', text: match[2] ?? '' };
  }
  for (const pattern of WARNINGS) {
    const match = pattern.exec(line);
    if (match !== null) return { kind: 'warning', name: match[1] ?? '', text: match[2] ?? '' };
  }
  const unreadable = UNREADABLE.exec(line);
  if (unreadable !== null) return { kind: 'unreadable', name: unreadable[1] ?? '', text: unreadable[2] ?? '' };
  return { kind: 'other', text: line };
}

/** Undoes `--quoting-style=escape`: `a\nb\303\244` is what it was, byte for byte (latin1). */
export function unescapeName(name: string): string {
  return name.replaceAll(/\\([0-7]{3}|.)/g, (_whole, code: string) => {
    if (code.length === 3) return String.fromCharCode(Number.parseInt(code, 8));
    return ESCAPES[code] ?? code;
  });
}

const ESCAPES: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
