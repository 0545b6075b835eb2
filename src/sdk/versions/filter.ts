/** Which tags are looked at, as a user says it. */
import { compileExpression, Expression } from '#sdk/expression.ts';

/** Found anywhere in the tag. */
export const TagFilter = Expression;

export function compileFilter(text: string | null): (tag: string) => boolean {
  return text === null ? () => true : compileExpression(text);
}
