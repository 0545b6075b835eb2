/** Uptime: the part of the known, unplanned time in which something was up. */

export const WINDOWS = {
  '24h': 86_400_000,
  '7d': 7 * 86_400_000,
  '30d': 30 * 86_400_000,
  '365d': 365 * 86_400_000,
} as const;
export type Window = keyof typeof WINDOWS;

export interface Times {
  upMs: number;
  downMs: number;
  plannedMs: number;
}

/** From 0 to 1; null when nothing is known. */
export function uptime({ upMs, downMs }: Times): number | null {
  return upMs + downMs === 0 ? null : upMs / (upMs + downMs);
}
