/** One measured figure beside the baseline that was measured in the same run. */

export interface Metric {
  name: string;
  value: number;
  unit: string;
  baseline: number;
  /** Above 1: better than the baseline. */
  ratio: number;
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** @param rank from 0 to 100 */
export function percentile(values: readonly number[], rank: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const index = Math.min(sorted.length - 1, Math.floor((rank / 100) * sorted.length));
  return sorted[index] ?? Number.NaN;
}
