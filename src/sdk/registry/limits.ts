/** How many more requests a registry will take, as it says itself. */
import type { Heard } from '#sdk/registry/http.ts';

export interface RateLimit {
  registry: string;
  /** In one window; null when it is not told. */
  limit: number | null;
  remaining: number | null;
  windowSeconds: number | null;
  /** Nothing is asked before this instant, because the registry said so. */
  waitUntil: string | null;
}

/** When nothing is said of how long: long enough to matter, short enough to be tried again the same day. */
const DEFAULT_WAIT_MS = 60_000;

export class RateLimits {
  readonly registry: string;
  private limit: { count: number; windowSeconds: number | null } | null = null;
  private remaining: number | null = null;
  private waitUntil = 0;

  constructor(registry: string) {
    this.registry = registry;
  }

  /** Milliseconds for which the registry wants to be left alone. */
  waitMs(now: Date): number {
    return Math.max(0, this.waitUntil - now.getTime());
  }

  note({ status, headers }: Heard, now: Date): void {
    this.limit = quota(headers.get('ratelimit-limit')) ?? this.limit;
    const left = quota(headers.get('ratelimit-remaining'));
    // Answers arrive in any order; the lowest count is the one that holds.
    if (left !== null) this.remaining = Math.min(this.remaining ?? left.count, left.count);
    if (status !== 429) return;
    this.waitUntil = now.getTime() + (retryAfter(headers.get('retry-after'), now) ?? DEFAULT_WAIT_MS);
  }

  shown(now: Date): RateLimit | null {
    if (this.remaining === null && this.limit === null && this.waitUntil === 0) return null;
    return {
      registry: this.registry,
      limit: this.limit?.count ?? null,
      remaining: this.remaining,
      windowSeconds: this.limit?.windowSeconds ?? null,
      waitUntil: this.waitMs(now) === 0 ? null : new Date(this.waitUntil).toISOString(),
    };
  }
}

/** `100;w=21600`: so many requests in so many seconds. */
function quota(header: string | null): { count: number; windowSeconds: number | null } | null {
  const [, count, window] = /^(\d+)(?:\s*;\s*w=(\d+))?/.exec(header?.trim() ?? '') ?? [];
  if (count === undefined) return null;
  return { count: Number(count), windowSeconds: window === undefined ? null : Number(window) };
}

/** Seconds, or an HTTP date. */
function retryAfter(header: string | null, now: Date): number | null {
  if (header === null) return null;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - now.getTime();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}
