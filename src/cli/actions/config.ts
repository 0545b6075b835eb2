/** `config`: validate, show, get, schema. */

import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { type Call, flag, text, word } from '#cli/spec.ts';
import { formatIssue } from '#config/issues.ts';
import type { ConfigIssue } from '#config/types.ts';
import { formatCount } from '#kernel/format.ts';
import type { Json } from '#kernel/json.ts';

export async function validateConfig(context: Context, call: Call): Promise<ExitStatus> {
  const { file, errors, warnings } = await context.rooms.config.check(text(call, 'config'));
  const valid = errors.length === 0;
  if (flag(call, 'json')) printJson(context, { valid, file, errors, warnings });
  else printLines(context, verdictLines(context, { file, errors, warnings }));
  return valid ? EXIT.done : EXIT.usage;
}

function verdictLines(
  { terminal: { style } }: Context,
  { file, errors, warnings }: { file: string; errors: ConfigIssue[]; warnings: ConfigIssue[] },
): string[] {
  const cwd = process.cwd();
  const warned = warnings.map((issue) => `${style('warn', 'warning')} ${formatIssue(issue, cwd)}`);
  if (errors.length > 0) {
    const told = errors.map((issue) => formatIssue(issue, cwd));
    return [...told, ...warned, '', style('bad', `${file}: ${formatCount(errors.length, 'error')}`)];
  }
  const tail = warnings.length === 0 ? '' : `, ${formatCount(warnings.length, 'warning')}`;
  return [...warned, `${style('good', '✔')} ${file} is valid${tail}`];
}

export async function showConfig(context: Context, call: Call): Promise<ExitStatus> {
  const { effective, yaml } = await context.rooms.config.show(text(call, 'config'));
  if (flag(call, 'json')) printJson(context, effective);
  else context.terminal.write(yaml);
  return EXIT.done;
}

export async function getConfig(context: Context, call: Call): Promise<ExitStatus> {
  const value = await context.rooms.config.get(text(call, 'config'), word(call, 0));
  if (flag(call, 'json')) printJson(context, value);
  else context.terminal.write(`${plainValue(value)}\n`);
  return EXIT.done;
}

/** A bare value for `$(…)` in a script; what has members is shown as JSON. */
function plainValue(value: Json): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value, null, 2) : String(value ?? '');
}

export async function configSchema(context: Context, call: Call): Promise<ExitStatus> {
  printJson(context, await context.rooms.config.schema(text(call, 'config')));
  return EXIT.done;
}
