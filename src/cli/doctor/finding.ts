/** Findings of the doctor, and how a check becomes one. */

import type { Finding } from '#cli/ports.ts';
import { errorFacts } from '#kernel/errors.ts';

export function ok(check: string, detail: string): Finding {
  return { check, status: 'ok', detail, next: null };
}

export function warning(check: string, detail: string, next: string): Finding {
  return { check, status: 'warning', detail, next };
}

export function broken(check: string, detail: string, next: string | null): Finding {
  return { check, status: 'broken', detail, next };
}

/** What a check throws is what it found. */
export async function finding(check: string, look: () => Promise<Finding>): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    const { message, next } = errorFacts(error);
    return broken(check, message, next ?? null);
  }
}
