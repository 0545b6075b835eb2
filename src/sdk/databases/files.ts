/** Takes the files of databases out of what is captured: their dumps are in the set instead. */
import { relative } from 'node:path';
import { companionsOf } from '#sdk/databases/sqlite.ts';
import type { Source } from '#sdk/kinds/service.ts';
import { isBelow } from '#sdk/mounts.ts';

/** @param files SQLite databases, each with what SQLite keeps beside it. */
export function leaveOut(sources: readonly Source[], files: readonly string[]): Source[] {
  const names = files.flatMap((file) => [file, ...companionsOf(file)]);
  return leaveOutTrees(sources, names);
}

/** The same for whole directories. */
export function leaveOutTrees(sources: readonly Source[], trees: readonly string[]): Source[] {
  return sources
    .filter(({ path }) => !trees.some((tree) => isBelow(path, tree)))
    .map(({ path, exclude }) => {
      const inside = trees.filter((tree) => isBelow(tree, path)).map((tree) => asGlob(relative(path, tree)));
      return inside.length === 0 ? { path, exclude } : { path, exclude: [...new Set([...exclude, ...inside])] };
    });
}

/** As a pattern that matches this name and no other. */
function asGlob(name: string): string {
  return name.replaceAll(/[\\*?[\](){}!+@|]/g, '\\$&');
}
