/** What stands below the options in a command's help: what is meant when nothing is named, and examples. */
import type { CommandSpec } from '#cli/spec.ts';

export function helpTail(spec: CommandSpec): string {
  const lines: string[] = [];
  if (spec.whenBare !== undefined) {
    lines.push(
      '',
      `Without a command it is "${spec.whenBare}"; "${spec.name} ${spec.whenBare} --help" shows its options.`,
    );
  }
  lines.push('', 'Examples:');
  const column = Math.max(...spec.examples.map(({ line }) => line.length));
  for (const { line, text } of spec.examples) {
    // A long line gets its explanation above it, so that the help fits into 80 columns.
    if (column > 44) lines.push(`  # ${text}`, `  ${line}`);
    else lines.push(`  ${line.padEnd(column)}   ${text}`);
  }
  return lines.join('\n');
}
