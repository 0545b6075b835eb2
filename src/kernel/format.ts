/** Sizes, counts and lengths of time as people read them. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `4.1 GB`: decimal units, as disks are sold and as file managers show them. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `1 file`, `18,204 files`. */
export function formatCount(count: number, noun: string, plural = `${noun}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? noun : plural}`;
}

const SPANS = [
  [172_800_000, 86_400_000, 'd'],
  [7_200_000, 3_600_000, 'h'],
  [120_000, 60_000, 'min'],
] as const;

/** About how long: `4.2 s`, `3 min`, `7 h`, `12 d`. */
export function formatSpan(ms: number): string {
  const found = SPANS.find(([from]) => ms >= from);
  return found === undefined ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / found[1])} ${found[2]}`;
}
