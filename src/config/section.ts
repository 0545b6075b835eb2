/** A part of the configuration that is judged by one schema, and positions in it. */
import path from 'node:path';
import { addError, type Path, type Place, type Report } from '#config/issues.ts';
import { locate } from '#config/locate.ts';
import type { WrittenNode } from '#config/source.ts';
import { nearest } from '#kernel/nearest.ts';

export interface Section {
  node: WrittenNode;
  /** How messages call it: `services[3]`. */
  path: Path;
  /** How secrets in it are found again: `services.notes`. */
  name: string;
  report: Report;
  /** For the check of permissions. */
  secretFiles: SecretFile[];
}

export interface SecretFile {
  /** Undefined: the value stands in the configuration file. */
  file: string | undefined;
  at: Place;
  path: Path;
}

/** A position, relative to the section. */
export interface Spot {
  section: Section;
  path: Path;
  /** As `Section.name`, down to here. */
  name: string;
}

export function fullPath({ section, path }: { section: Section; path: Path }): Path {
  return [...section.path, ...path];
}

/** A reference to something that nobody defined, with the nearest name that somebody did. */
export function reportUnknownName(
  section: Section,
  path: Path,
  { what, name, known, next }: { what: string; name: string; known: readonly string[]; next: string },
): void {
  addError(section.report, {
    at: locate(section.node, path).at,
    path: fullPath({ section, path }),
    message: `unknown ${what} "${name}" (known: ${known.join(', ') || 'none'}); ${next}`,
    suggestion: nearest(name, known),
  });
}

/** A path as the user wrote it → absolute, counted from the directory of the file that it is written in. */
export function absolutePath(text: string, at: Place, spot: { section: Section; path: Path }): string {
  if (text === '~' || text.startsWith('~/')) {
    const message = '"~" is not expanded here; write the whole path, or ${HOME}/…';
    addError(spot.section.report, { at, path: fullPath(spot), message });
  }
  return path.resolve(path.dirname(at.file), text);
}
