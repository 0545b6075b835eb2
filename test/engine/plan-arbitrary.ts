/** Plans of any shape: steps with and without undo, in sequences, side by side, in brackets, as changes, nested. */
import fc from 'fast-check';
import type { PlanNode } from '#sdk/plan.ts';
import { guard, inSequence, reversible, sideBySide, step } from '#test/support/plans.ts';

export function planArbitrary(): fc.Arbitrary<PlanNode> {
  let next = 0;
  const leaf = fc.boolean().map((undo) => step(`s${next++}`, { undo }));
  const { node } = fc.letrec<{ node: PlanNode }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: false },
      leaf,
      fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((nodes) => inSequence(...nodes)),
      fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((nodes) => sideBySide(...nodes)),
      fc
        .tuple(tie('node'), fc.integer({ min: 1, max: 2 }))
        .map(([body, ways]) => reversible(body, ...Array.from({ length: ways }, () => `w${next++}`))),
      fc.tuple(tie('node'), fc.boolean()).map(([body, restart]) => guard(body, `r${next++}`, { restart })),
    ),
  }));
  return node;
}
