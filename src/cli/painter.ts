/** Redraws a block of lines at the bottom of a terminal, and prints others above it for good. */
import type { Terminal } from '#cli/context.ts';
import { cut } from '#cli/render/text.ts';

const UP = (lines: number) => `\u001b[${lines}A`;
const ERASE_BELOW = '\u001b[J';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

export interface Painter extends Disposable {
  /** Replaces the block. */
  paint(lines: readonly string[]): void;
  /** Prints lines above the block, where they stay. */
  keep(lines: readonly string[]): void;
}

export function painter(terminal: Terminal): Painter {
  let block: readonly string[] = [];
  const draw = (kept: readonly string[], next: readonly string[]) => {
    const back = block.length === 0 ? '' : `${UP(block.length)}\r${ERASE_BELOW}`;
    const text = [...kept, ...next].map((line) => `${line}\n`).join('');
    block = next;
    terminal.write(back + text);
  };
  terminal.write(HIDE_CURSOR);
  return {
    paint: (lines) => draw([], fitted(lines, terminal.size())),
    keep: (lines) => draw(lines, block),
    [Symbol.dispose]: () => {
      draw([], []);
      terminal.write(SHOW_CURSOR);
    },
  };
}

/** A block higher than the terminal could not be erased: its oldest lines give way. */
function fitted(lines: readonly string[], { columns, rows }: { columns: number; rows: number }): string[] {
  const room = Math.max(1, rows - 1);
  const shown = lines.length <= room ? lines : ['  …', ...lines.slice(lines.length - room + 1)];
  return shown.map((line) => cut(line, columns - 1));
}
