/** What a registry can say to a question: a value, or why it is not known. A failure is never taken for "nothing new". */

export const REASONS = ['unreachable', 'unauthorized', 'missing', 'rate_limited', 'bad_answer', 'unsupported'] as const;
export type Reason = (typeof REASONS)[number];

export type Answer<T> = { ok: true; value: T } | { ok: false; reason: Reason; detail: string };

/** Thrown inside of this room alone; who asks gets an `Answer`. */
export class RegistryFailure extends Error {
  readonly reason: Reason;

  constructor(reason: Reason, message: string, options?: { cause: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}

export async function answered<T>(ask: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { ok: true, value: await ask() };
  } catch (error) {
    if (!(error instanceof RegistryFailure)) throw error;
    return { ok: false, reason: error.reason, detail: error.message };
  }
}
