/** Which tags are looked at, as a user says it: a regular expression that cannot be made to run for ever. */
import { RE2JS, RE2JSException } from 're2js';
import { z } from 'zod';

/**
 * In RE2's syntax, found anywhere in the tag. Tags come from outside and expressions from people; with this engine the
 * time is linear in the length of the tag, whatever both are.
 */
export const TagFilter = z
  .string()
  .min(1)
  .max(500)
  .superRefine((text, context) => {
    const problem = problemOf(text);
    if (problem !== null) context.addIssue({ code: 'custom', message: `is no regular expression: ${problem}` });
  });

export function compileFilter(text: string | null): (tag: string) => boolean {
  if (text === null) return () => true;
  const expression = RE2JS.compile(text);
  return (tag) => expression.matcher(tag).find();
}

function problemOf(text: string): string | null {
  try {
    RE2JS.compile(text);
    return null;
  } catch (error) {
    if (error instanceof RE2JSException) return error.message;
    throw error;
  }
}
