/** A part of the configuration that is judged by one schema, and positions in it. */
import path from 'node:path';
import { addError, type Path, type Place, type Report } from '#config/issues.ts';
import type { WrittenNode } from '#config/source.ts';

export interface Section {
  node: WrittenNode;
  /** How messages call it: `services[3]`. */
  path: Path;
  /** How secrets in it are found again: `services.notes`. */
  name: string;
  report: Report;
  /** For the check of permissions. */
  secretFiles: SecretFile[];
  /** Keys that are planned and not there yet, and so deserve a better answer than "unknown". */
  notYet: readonly string[];
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

/** A path as the user wrote it → absolute, counted from the directory of the file that it is written in. */
export function absolutePath(text: string, at: Place, spot: { section: Section; path: Path }): string {
  if (text === '~' || text.startsWith('~/')) {
    const message = '"~" is not expanded here; write the whole path, or ${HOME}/…';
    addError(spot.section.report, { at, path: fullPath(spot), message });
  }
  return path.resolve(path.dirname(at.file), text);
}
