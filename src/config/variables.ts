/** `${VAR}`, `${VAR:-default}`, `${VAR:?message}` and `$$` in the texts of a configuration file. */
import { AutopilotError } from '#kernel/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const REFERENCE = /^([A-Za-z_][A-Za-z0-9_]*)(?::([-?])(.*))?$/s;

/**
 * Replaces every reference; a `$` that starts none stays as it is. An empty variable counts as unset for `:-` and `:?`.
 * @throws HA_CONFIG_INVALID whose message never quotes the text, because the text may be a secret.
 */
export function expandVariables(text: string, env: Environment): string {
  let expanded = '';
  let from = 0;
  for (;;) {
    const dollar = text.indexOf('$', from);
    if (dollar === -1) return expanded + text.slice(from);
    expanded += text.slice(from, dollar);
    const next = text[dollar + 1];
    if (next === '{') {
      const end = closingBrace(text, dollar + 2);
      expanded += valueOf(text.slice(dollar + 2, end), env);
      from = end + 1;
    } else {
      expanded += '$';
      from = dollar + (next === '$' ? 2 : 1);
    }
  }
}

function valueOf(reference: string, env: Environment): string {
  const match = REFERENCE.exec(reference);
  if (match === null) {
    throw invalid('"${" starts a variable, and what follows is not one; write ${NAME}, or $$ for a dollar sign');
  }
  const [, name = '', operator, argument = ''] = match;
  const value = env[name];
  if (operator === undefined && value !== undefined) return value;
  if (operator !== undefined && value !== undefined && value !== '') return value;
  if (operator === '-') return expandVariables(argument, env);
  if (operator === '?') throw invalid(`the environment variable ${name} is not set: ${argument || 'it is required'}`);
  throw invalid(`the environment variable ${name} is not set; set it, or write \${${name}:-default}`);
}

/** A default may hold references itself, so braces are counted. */
function closingBrace(text: string, from: number): number {
  let depth = 1;
  for (let i = from; i < text.length; i++) {
    if (text.startsWith('${', i)) depth++;
    if (text[i] === '}') depth--;
    if (depth === 0) return i;
  }
  throw invalid('"${" starts a variable that no "}" ends; write $$ for a dollar sign');
}

function invalid(message: string): AutopilotError {
  return new AutopilotError('HA_CONFIG_INVALID', message);
}
