/** Keeps lists for people short: the first ones, and how many more there are. */

const SHOWN = 100;

export function limited(warnings: readonly string[], shown = SHOWN): string[] {
  if (warnings.length <= shown) return [...warnings];
  return [...warnings.slice(0, shown), `and ${warnings.length - shown} more`];
}
