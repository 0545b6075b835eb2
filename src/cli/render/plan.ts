/** A plan as a person reads it: numbered steps, what each does, what stops meanwhile, how it is undone. */

import { branchesOf } from '#cli/render/branches.ts';
import { settingLines } from '#cli/render/plan-settings.ts';
import { runHeader } from '#cli/render/run-header.ts';
import { plain, type Style } from '#cli/render/style.ts';
import { pad, printable, width, wrap } from '#cli/render/text.ts';
import { duration } from '#cli/render/units.ts';
import type { Preview } from '#engine/requests.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { quoted } from '#kernel/shell.ts';
import { kinds } from '#sdk/catalog.ts';
import type { PlanNode, PlannedStep } from '#sdk/plan.ts';
import { planSteps } from '#sdk/plan.ts';

interface PlanView {
  /** What was asked for besides the workflow and the service. */
  input: JsonObject;
  style: Style;
  columns: number;
}

/** Beyond this a line is hard to read back to its beginning. */
const WIDEST = 110;

export function planLines(preview: Preview, { input, style, columns }: PlanView): string[] {
  const { plan } = preview;
  const steps = planSteps(plan.root);
  const branches = branchesOf(plan.root);
  const numbers = String(steps.length).length;
  const titles = Math.max(...steps.map(({ title, key }) => width(title) + (branches.has(key) ? 2 : 0)), 0);
  const indent = ' '.repeat(numbers + titles + 7);
  const goesBy = settingLines(plan);
  const lines = [`would ${style('strong', `${plan.workflow} ${plan.service}`)} on ${plan.host}`, ''];
  if (goesBy.length > 0) lines.push(...goesBy, '');
  for (const [i, step] of steps.entries()) {
    const branch = branches.get(step.key);
    const title = pad(`${branch === undefined ? '' : `${branch} `}${printable(step.title)}`, titles);
    const head = `  ${String(i + 1).padStart(numbers)}  ${title}   `;
    const [first = '', ...rest] = stepText(step, preview).flatMap((text) =>
      wrap(text, Math.min(columns, WIDEST), indent),
    );
    lines.push((head + first.slice(indent.length)).trimEnd(), ...rest);
  }
  return [...lines, '', ...notes(preview, input)];
}

function stepText(step: PlannedStep, { plan, lastDurations }: Preview): string[] {
  const lines = [does(step)];
  const last = lastDurations[step.key];
  if (last !== undefined) lines[0] += `; took ${duration(last)} last time`;
  const guard = guardBeginningWith(plan.root, step.key);
  if (guard !== undefined)
    lines.push(`from here until "${guard.release}" ${plan.service} may be down${known(guard.keys, lastDurations)}`);
  if (isRelease(plan.root, step.key)) lines.push('done whatever happens before it');
  lines.push(...changeText(plan.root, step.key));
  if (step.stopUnless !== null) lines.push(`the run ends here as skipped unless "${step.stopUnless}"`);
  if (step.stopIf !== null) lines.push(`the run ends here as skipped if "${step.stopIf}"`);
  if (step.undo !== null) lines.push(`undo: ${lowerFirst(does(step.undo))}`);
  return lines;
}

/** Where a change as a whole begins: how it is put back. */
function changeText(root: PlanNode, key: string): string[] {
  const change = changes(root).find(({ body }) => planSteps(body)[0]?.key === key);
  if (change === undefined) return [];
  if (change.undo.length === 0) return ['from here on a failure calls a person: nothing is put back by itself'];
  return [`from here on a failure leads to: ${change.undo.map(({ title }) => printable(title)).join(' → ')}`];
}

type Change = Extract<PlanNode, { type: 'reversible' }>;

function changes(node: PlanNode): Change[] {
  switch (node.type) {
    case 'step':
      return [];
    case 'sequence':
    case 'parallel':
      return node.nodes.flatMap(changes);
    case 'guard':
      return changes(node.body);
    case 'reversible':
      return [node, ...changes(node.body)];
  }
}

function does(step: Pick<PlannedStep, 'plugin' | 'action' | 'uses'>): string {
  return (
    kinds[step.plugin.kind].actions[step.action]?.title ?? `${step.plugin.kind} ${step.plugin.name}: ${step.action}`
  );
}

function known(keys: readonly string[], durations: Record<string, number>): string {
  const times = keys.map((key) => durations[key]);
  if (times.some((time) => time === undefined)) return '';
  return `, for about ${duration(times.reduce<number>((sum, time) => sum + (time ?? 0), 0))}`;
}

type Guard = Extract<PlanNode, { type: 'guard' }>;

/** A guard that must be entered again from its start is one that stops something: its release starts it again. */
function guardBeginningWith(root: PlanNode, key: string): { release: string; keys: string[] } | undefined {
  for (const guard of guards(root)) {
    const body = planSteps(guard.body);
    if (!guard.restart || body[0]?.key !== key) continue;
    const all = [...body, ...guard.finally];
    return { release: guard.finally.at(-1)?.title ?? 'the end', keys: all.map((step) => step.key) };
  }
  return undefined;
}

function isRelease(root: PlanNode, key: string): boolean {
  return guards(root).some((guard) => guard.finally.some((step) => step.key === key));
}

function guards(node: PlanNode): Guard[] {
  switch (node.type) {
    case 'step':
      return [];
    case 'sequence':
    case 'parallel':
      return node.nodes.flatMap(guards);
    case 'guard':
      return [node, ...guards(node.body)];
    case 'reversible':
      return guards(node.body);
  }
}

function notes({ plan, waitsFor }: Preview, input: JsonObject): string[] {
  if (waitsFor !== null) return [`${plan.service} is taken now: it would wait for  ${runHeader(waitsFor, plain)}`];
  const pairs = Object.entries(input).map(([key, value]) => asWord(`${key}=${asTyped(value)}`));
  const words = [plan.workflow, plan.service, ...pairs.flatMap((pair) => ['--input', pair])];
  return [`Nothing was changed. Do it with  homelab-autopilot enqueue ${words.join(' ')}`];
}

function asWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : quoted(text);
}

/** As `--input` reads it again. */
function asTyped(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
