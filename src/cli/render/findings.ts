/** The doctor's findings: one line each, and below it what to do. */

import type { Finding, FindingStatus } from '#cli/ports.ts';
import type { Style, Tint } from '#cli/render/style.ts';
import { formatCount } from '#kernel/format.ts';

const MARKS: Record<FindingStatus, { sign: string; tint: Tint }> = {
  ok: { sign: '✔', tint: 'good' },
  warning: { sign: '!', tint: 'warn' },
  broken: { sign: '✘', tint: 'bad' },
};

export function findingLines(findings: readonly Finding[], style: Style): string[] {
  const column = Math.max(...findings.map(({ check }) => check.length), 0);
  const indent = ' '.repeat(column + 4);
  const lines = findings.flatMap(({ check, status, detail, next }) => {
    const { sign, tint } = MARKS[status];
    const [first = '', ...rest] = detail.split('\n');
    return [
      `${style(tint, sign)} ${check.padEnd(column)}  ${first}`,
      ...rest.map((line) => indent + line),
      ...(next === null ? [] : [`${indent}Next: ${next}`]),
    ];
  });
  return [...lines, '', verdict(findings, style)];
}

function verdict(findings: readonly Finding[], style: Style): string {
  const broken = findings.filter(({ status }) => status === 'broken').length;
  const warnings = findings.filter(({ status }) => status === 'warning').length;
  if (broken > 0) return style('bad', `${formatCount(broken, 'check')} failed, ${formatCount(warnings, 'warning')}`);
  return warnings === 0 ? style('good', 'All is well.') : `Works, with ${formatCount(warnings, 'warning')}.`;
}
