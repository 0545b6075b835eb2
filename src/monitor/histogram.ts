/** How long answers took, counted in buckets: small enough to keep for a year, exact enough for percentiles. */

/** Each bucket is a quarter of a doubling, so a percentile is off by at most a tenth. */
const BUCKETS_A_DOUBLING = 4;

/** Up to 2^16 milliseconds: longer than any check waits. */
const LAST = 16 * BUCKETS_A_DOUBLING;

/** Bucket → how many. */
export type Histogram = ReadonlyMap<number, number>;

function bucketOf(ms: number): number {
  if (ms <= 1) return 0;
  return Math.min(LAST, Math.round(Math.log2(ms) * BUCKETS_A_DOUBLING));
}

function valueOf(bucket: number): number {
  return 2 ** (bucket / BUCKETS_A_DOUBLING);
}

export function added(histogram: Histogram, ms: number): Histogram {
  const bucket = bucketOf(ms);
  return new Map(histogram).set(bucket, (histogram.get(bucket) ?? 0) + 1);
}

export function merged(all: readonly Histogram[]): Histogram {
  const sum = new Map<number, number>();
  for (const one of all) for (const [bucket, count] of one) sum.set(bucket, (sum.get(bucket) ?? 0) + count);
  return sum;
}

/** @param share 0.5 for the median. @returns milliseconds; null when nothing was counted. */
export function percentile(histogram: Histogram, share: number): number | null {
  const sorted = [...histogram].toSorted(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [bucket, count] of sorted) {
    seen += count;
    if (seen >= total * share) return Math.round(valueOf(bucket));
  }
  return null;
}

/** Two numbers a bucket, each in as few bytes as it needs. */
export function packed(histogram: Histogram): Uint8Array {
  const bytes: number[] = [];
  for (const [bucket, count] of [...histogram].toSorted(([a], [b]) => a - b)) {
    bytes.push(bucket);
    let rest = count;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
    bytes.push(rest);
  }
  return Uint8Array.from(bytes);
}

export function unpacked(bytes: Uint8Array): Histogram {
  const histogram = new Map<number, number>();
  let at = 0;
  const next = () => bytes[at++] ?? 0;
  while (at < bytes.length) {
    const bucket = next();
    let count = 0;
    for (let weight = 1; ; weight *= 0x80) {
      const byte = next();
      count += (byte % 0x80) * weight;
      if (byte < 0x80) break;
    }
    histogram.set(bucket, count);
  }
  return histogram;
}
