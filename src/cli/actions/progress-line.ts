/** One line on a terminal that tells how far something is, and is gone when it has ended. */

import type { Context } from '#cli/context.ts';
import { type Painter, painter } from '#cli/painter.ts';
import { progressText } from '#cli/render/steps.ts';
import { nextReading, type Reading } from '#cli/render/watched.ts';
import type { Progress } from '#sdk/tools.ts';

/** More often than this the eye cannot follow. */
const REDRAW_MS = 100;

export interface ProgressLine extends Disposable {
  show(this: void, progress: Progress): void;
  clear(): void;
}

const NOTHING: ProgressLine = { show: () => {}, clear: () => {}, [Symbol.dispose]: () => {} };

export function progressLine(context: Context): ProgressLine {
  if (!context.terminal.live) return NOTHING;
  const paint: Painter = painter(context.terminal);
  let reading: Reading | undefined;
  let drawnAt = 0;
  let open = true;
  const clear = () => {
    if (open) paint[Symbol.dispose]();
    open = false;
  };
  return {
    show(progress) {
      const at = context.now();
      reading = nextReading(reading, { progress, at: at.toISOString() });
      if (!open || at.getTime() - drawnAt < REDRAW_MS) return;
      drawnAt = at.getTime();
      paint.paint([progressText(reading)]);
    },
    clear,
    [Symbol.dispose]: clear,
  };
}
