/** Regular expressions of users that cannot be made to run for ever. */
import { RE2JS, RE2JSException } from 're2js';
import { z } from 'zod';

/** In RE2's syntax. With its engine the time is linear in the length of the text, whatever expression and text are. */
export const Expression = z
  .string()
  .min(1)
  .max(500)
  .superRefine((text, context) => {
    const problem = expressionProblem(text);
    if (problem !== null) context.addIssue({ code: 'custom', message: `is no regular expression: ${problem}` });
  });

/** @returns whether the expression is found anywhere in a text. */
export function compileExpression(expression: string): (text: string) => boolean {
  const compiled = RE2JS.compile(expression);
  return (text) => compiled.matcher(text).find();
}

/** @returns null when there is none. */
export function expressionProblem(expression: string): string | null {
  try {
    RE2JS.compile(expression);
    return null;
  } catch (error) {
    if (error instanceof RE2JSException) return error.message;
    throw error;
  }
}
