/** The trees that a set is made of: where they really lie, and what of them is left out. */
import { lstat, realpath } from 'node:fs/promises';
import { normalize } from 'node:path';
import picomatch from 'picomatch';
import { type RawPath, rawFromText, rawText, relativeTo } from '#archive/raw.ts';
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';
import type { Source } from '#sdk/kinds/service.ts';
import { isBelow } from '#sdk/mounts.ts';

export interface ResolvedSource {
  /** As configured. */
  path: string;
  /** With all symlinks resolved. */
  realPath: string;
  /** The name in the archive: the real path without its leading slash. */
  root: RawPath;
  exclude: string[];
}

export interface ResolvedSources {
  sources: ResolvedSource[];
  warnings: string[];
}

/** Finds every source, or fails with HA_SOURCE_MISSING naming it. No source that comes back lies in another one. */
export async function resolveSources(sources: readonly Source[]): Promise<ResolvedSources> {
  const resolved: ResolvedSource[] = [];
  const warnings: string[] = [];
  const all = await Promise.all(sources.map(resolve));
  // The shorter path first: a tree comes before what lies in it.
  for (const source of all.toSorted((a, b) => a.realPath.length - b.realPath.length)) {
    const outer = resolved.find((other) => isBelow(source.realPath, other.realPath));
    if (outer === undefined) resolved.push(source);
    else warnings.push(foldInto(outer, source));
  }
  return { sources: resolved, warnings };
}

/** Tells what a source leaves out. Patterns are relative to its path; a directory that matches goes with all in it. */
export function exclusionOf(source: Pick<ResolvedSource, 'root' | 'exclude'>): (name: RawPath) => boolean {
  const patterns = source.exclude.map((pattern) => pattern.replace(/^\.?\//, '').replace(/\/$/, ''));
  if (patterns.length === 0) return () => false;
  const matches = picomatch(patterns, { dot: true });
  return (name) => matches(rawText(relativeTo(name, source.root)));
}

async function resolve(source: Source): Promise<ResolvedSource> {
  const realPath = await realPathOf(source.path);
  if (realPath === '/') {
    throw new AutopilotError('HA_USAGE', `${source.path} is the whole system, which cannot be one source`, {
      next: 'name the directories that hold data',
    });
  }
  const { isFile, isDirectory } = await kindOf(realPath);
  if (!isFile && !isDirectory) {
    throw new AutopilotError('HA_SOURCE_UNREADABLE', `${source.path} is neither a file nor a directory`);
  }
  return { path: normalize(source.path), realPath, root: rawFromText(realPath.slice(1)), exclude: source.exclude };
}

async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new AutopilotError('HA_SOURCE_MISSING', `${path} does not exist`, {
        cause: error,
        next: 'correct the path in the backup section of the service',
      });
    }
    throw new AutopilotError('HA_SOURCE_UNREADABLE', `${path} cannot be read (${errorText(error)})`, { cause: error });
  }
}

async function kindOf(path: string): Promise<{ isFile: boolean; isDirectory: boolean }> {
  const stats = await lstat(path);
  return { isFile: stats.isFile(), isDirectory: stats.isDirectory() };
}

/** A source inside another one is saved with that one; unless that one leaves it out, and then nobody can tell. */
function foldInto(outer: ResolvedSource, inner: ResolvedSource): string {
  if (outer.realPath === inner.realPath && outer.exclude.join('\0') === inner.exclude.join('\0')) {
    return `${inner.path} is named twice`;
  }
  const excluded = exclusionOf(outer);
  const steps = relativeTo(inner.root, outer.root).split('/');
  for (let depth = 1; depth <= steps.length && steps[0] !== ''; depth++) {
    if (!excluded(`${outer.root}/${steps.slice(0, depth).join('/')}` as RawPath)) continue;
    throw new AutopilotError('HA_USAGE', `the source ${inner.path} lies in ${outer.path}, which excludes it`, {
      next: `take the exclude pattern out, or name the parts of ${outer.path} one by one`,
    });
  }
  const ignored = inner.exclude.length === 0 ? '' : '; its own exclude patterns do not apply';
  return `${inner.path} lies in ${outer.path} and is saved with it${ignored}`;
}
