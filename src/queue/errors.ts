/** Errors as text in a queue, and back. A person reads them on the queue page; the controller parses them. */
import type { ErrorCode, ErrorFacts } from '#kernel/errors.ts';
import { errorCodes, errorFacts } from '#kernel/errors.ts';

const SHAPE = /^(HA_[A-Z_]+): ([\s\S]*?)(?:\nNext: ([\s\S]*))?$/;

export function encodeError(error: unknown): string {
  const { code, message, next } = errorFacts(error);
  return `${code}: ${message}${next === undefined ? '' : `\nNext: ${next}`}`;
}

/** Text that no worker of ours wrote (BullMQ’s own reasons) becomes an internal error. */
export function decodeError(text: string): ErrorFacts {
  const [, code, message, next] = SHAPE.exec(text) ?? [];
  if (code === undefined || message === undefined || !isCode(code)) return { code: 'HA_INTERNAL', message: text };
  return { code, message, ...(next === undefined ? {} : { next }) };
}

function isCode(code: string): code is ErrorCode {
  return code in errorCodes;
}
