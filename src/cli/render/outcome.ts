/** How a run ended, in one paragraph: what was reached, or what failed, what that means, and what to do. */

import type { Style } from '#cli/render/style.ts';
import { printable } from '#cli/render/text.ts';
import { between, duration } from '#cli/render/units.ts';
import type { RunDetail, StepView } from '#engine/run.ts';

export function outcomeLines(run: RunDetail, style: Style): string[] {
  switch (run.status) {
    case 'succeeded':
      return [success(run, style)];
    case 'skipped':
      return [`${name(run)}: nothing to do${run.reason === null ? '' : `, ${printable(run.reason)}`}`];
    case 'queued':
    case 'running':
      return [`${name(run)}: ${run.status}`];
    case 'failed':
    case 'rolled_back':
    case 'cancelled':
    case 'needs_attention':
      return failure(run, WORDS[run.status], style);
  }
}

function success(run: RunDetail, style: Style): string {
  const took = between(run.startedAt, run.finishedAt);
  const parts = [`${name(run)}: ${style('good', 'succeeded')}${took === null ? '' : ` in ${duration(took)}`}`];
  const places = run.steps.filter((step) => step.action === 'copy' && done(step)).map(placeOf);
  if (places.length > 0) parts.push(`copied to ${places.join(' and ')}`);
  if (run.outageMs !== null) parts.push(`stopped for ${duration(run.outageMs)}`);
  if (run.restorePoint !== null) parts.push(`restore point ${run.restorePoint}${isVerified(run) ? ' verified' : ''}`);
  if (run.reason !== null) parts.push(printable(run.reason));
  return parts.join(', ');
}

/** Only what every copy's own check has shown may be called verified. */
function isVerified(run: RunDetail): boolean {
  const copies = run.steps.filter(({ action }) => action === 'copy');
  const checks = run.steps.filter(({ action }) => action === 'verifyCopy');
  return copies.length > 0 && checks.length === copies.length && [...copies, ...checks].every(done);
}

/** The steps of each destination carry its name: `copy-usb`, `verify-usb`. */
function placeOf(step: StepView): string {
  return printable(step.name.replace(/^(copy|verify)-/, ''));
}

function done(step: StepView): boolean {
  return step.status === 'succeeded' || step.status === 'reused';
}

const WORDS = {
  failed: 'failed',
  rolled_back: 'rolled back',
  cancelled: 'cancelled',
  needs_attention: 'needs attention',
} as const;

function failure(run: RunDetail, word: string, style: Style): string[] {
  const failed = run.steps.filter(({ status }) => status === 'failed');
  const first = failed[0];
  const where = first === undefined ? '' : ` in step "${printable(first.title)}"`;
  const tint = run.status === 'cancelled' ? 'warn' : 'bad';
  const lines = [`${name(run)}: ${style(tint, word)}${where} (${meaning(run)})`];
  for (const step of failed) lines.push(`  ${printable(step.title)}: ${printable(step.error ?? 'failed')}`);
  if (first === undefined && run.reason !== null) lines.push(`  ${printable(run.reason)}`);
  const copies = run.steps.filter((step) => step.action === 'verifyCopy' && done(step)).map(placeOf);
  if (copies.length > 0) lines.push(`  Complete and verified: the copy on ${copies.join(' and on ')}.`);
  if (run.outageMs !== null) lines.push(`  ${printable(run.service)} was stopped for ${duration(run.outageMs)}.`);
  const next = run.next ?? first?.next ?? null;
  if (next !== null) lines.push(`  Next: ${printable(next)}`);
  return lines;
}

function meaning(run: RunDetail): string {
  const resumed = run.steps.find(({ action, undo }) => action === 'resume' && !undo);
  const runs = resumed !== undefined && done(resumed) ? ', what was stopped for it runs again' : '';
  if (run.status === 'needs_attention') return 'it could not be put back: a person must look';
  if (run.status === 'rolled_back') return `what was changed is put back${runs}`;
  if (run.status === 'cancelled') return `what was begun is put back${runs}`;
  return `${run.service} itself is not changed${runs}`;
}

function name(run: RunDetail): string {
  return `${run.workflow} ${run.service}`;
}
