/** File names as the bytes that they are: Linux names need not be text, and a backup must not lose one over that. */
import { isUtf8 } from 'node:buffer';

/** A path with one character for each of its bytes (latin1), so that it can be compared and used as a key. */
export type RawPath = string & { readonly rawPath: unique symbol };

const ASCII = /^[\x20-\x7e]*$/;

export function rawFromBytes(bytes: Buffer): RawPath {
  return bytes.toString('latin1') as RawPath;
}

export function rawFromText(text: string): RawPath {
  return (ASCII.test(text) ? text : Buffer.from(text).toString('latin1')) as RawPath;
}

/** What the file system's functions take. */
export function rawBytes(raw: RawPath): Buffer {
  return Buffer.from(raw, 'latin1');
}

export function isText(raw: RawPath): boolean {
  return ASCII.test(raw) || isUtf8(rawBytes(raw));
}

/** For people and for glob patterns: bytes that are no UTF-8 show as U+FFFD. */
export function rawText(raw: RawPath): string {
  return ASCII.test(raw) ? raw : rawBytes(raw).toString();
}

/** A name as one line of a message: control characters and foreign bytes are escaped. */
export function rawLabel(raw: RawPath): string {
  return rawText(raw).replaceAll(/\p{Cc}/gu, (control) => {
    const escaped = JSON.stringify(control).slice(1, -1);
    return escaped === control ? `\\x${control.charCodeAt(0).toString(16)}` : escaped;
  });
}

export function joinRaw(directory: RawPath, name: RawPath): RawPath {
  return (directory === '' ? name : `${directory}/${name}`) as RawPath;
}

/** `a/b` of `a/b/c`; the empty path when there is no slash. */
export function parentOf(raw: RawPath): RawPath {
  return raw.slice(0, Math.max(0, raw.lastIndexOf('/'))) as RawPath;
}

export function nameOf(raw: RawPath): RawPath {
  return raw.slice(raw.lastIndexOf('/') + 1) as RawPath;
}

/** Whether `raw` is `directory` or lies below it. */
export function isWithin(raw: RawPath, directory: RawPath): boolean {
  return raw.startsWith(directory) && (raw.length === directory.length || raw[directory.length] === '/');
}

/** `c` of `a/b/c` seen from `a/b`; empty for the directory itself. */
export function relativeTo(raw: RawPath, directory: RawPath): RawPath {
  return raw.slice(directory.length + 1) as RawPath;
}
