/** A set of an unusual size is told of: data may be missing, or something may be growing that was not meant to be kept. */
import { formatBytes } from '#kernel/format.ts';

/** Small sets double easily; below this difference (bytes) nothing is said. */
const LEAST_DIFFERENCE = 1_000_000;

/** `usual`: the size of the sets before; undefined while there are too few. */
export function oddSize(bytes: number, usual: number | undefined): string[] {
  if (usual === undefined || Math.abs(bytes - usual) < LEAST_DIFFERENCE) return [];
  const size = `the set has ${formatBytes(bytes)}, where ${formatBytes(usual)} are usual`;
  if (bytes <= usual / 10) return [`${size}: is something missing?`];
  return bytes >= usual * 2 ? [`${size}: is something in it that does not belong there?`] : [];
}
