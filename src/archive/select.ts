/** Chooses entries of a set by what a user wrote: paths and globs. */
import picomatch from 'picomatch';
import { isWithin, parentOf, type RawPath, rawText, relativeTo } from '#archive/raw.ts';
import type { TarMember } from '#archive/tar/header.ts';

/**
 * A pattern that begins with `/` is an absolute path; one without any slash matches a name at any depth; any other one
 * is relative to the source. A directory that matches brings all that is in it, which is why entries come in order.
 */
export function selector(
  patterns: readonly string[],
  roots: readonly RawPath[],
): (member: Pick<TarMember, 'name' | 'type'>) => boolean {
  const cleaned = patterns.map((pattern) => pattern.replace(/^\.\//, '').replace(/(?<=.)\/$/, ''));
  const absolute = matcher(cleaned.filter((pattern) => pattern.startsWith('/')));
  const relative = matcher(cleaned.filter((pattern) => !pattern.startsWith('/') && pattern.includes('/')));
  const anywhere = matcher(cleaned.filter((pattern) => !pattern.includes('/')));
  const directories = new Set<RawPath>();
  return ({ name, type }) => {
    const root = roots.find((one) => isWithin(name, one)) ?? ('' as RawPath);
    const matches =
      directories.has(parentOf(name)) ||
      absolute(`/${rawText(name)}`) ||
      relative(rawText(relativeTo(name, root))) ||
      anywhere(rawText(name.slice(name.lastIndexOf('/') + 1) as RawPath));
    if (matches && type === 'directory') directories.add(name);
    return matches;
  };
}

/** A path that is written out is taken as it is, brackets and all. */
function matcher(patterns: readonly string[]): (path: string) => boolean {
  if (patterns.length === 0) return () => false;
  const literal = new Set(patterns);
  const matches = picomatch([...patterns], { dot: true });
  return (path) => literal.has(path) || (path !== '' && matches(path));
}
