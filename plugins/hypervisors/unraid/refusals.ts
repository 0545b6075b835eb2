/** What Unraid's refusals mean, and what to do about each. */
import { AutopilotError } from '#kernel/errors.ts';
import type { UnraidTools } from './config.ts';
import type { Operation } from './operations.ts';

export interface GraphqlError {
  message: string;
  extensions: { code: string };
}

/** GraphQL's own errors, or an answer that is not one of GraphQL. */
interface Refused {
  errors?: readonly GraphqlError[];
  status?: number;
  text?: string;
}

const UNKNOWN_FIELD = /Cannot query field "(\w+)" on type "(\w+)"|Unknown (?:type|argument) "(\w+)"/;

const NEEDED = 'Unraid 7.2 or newer is needed, or before it the plugin that brings its API';

export function refusal(
  { name, config }: Pick<UnraidTools, 'name' | 'config'>,
  { what, right }: Operation,
  { errors = [], status, text = '' }: Refused,
): AutopilotError {
  const said = oneLine(errors.map(({ message }) => message).join('; ') || text);
  const has = (code: string, message: RegExp) =>
    errors.some(({ extensions, message: own }) => extensions.code === code || message.test(own));
  const refused = (message: string, next: string) =>
    new AutopilotError('HA_REMOTE_REFUSED', `${name}: ${message}`, { next });
  if (status === 401 || has('UNAUTHENTICATED', /^(?:API key validation failed|User not found|Unauthorized)/)) {
    return refused(`the API key is not accepted (${said || 'no reason given'})`, KEYS);
  }
  if (status === 403 || has('FORBIDDEN', /^Forbidden/)) {
    return refused(`the API key lacks the right ${right}, which ${what} needs`, `give it to the key: ${WHERE}`);
  }
  const [found, field, type, other] = UNKNOWN_FIELD.exec(said) ?? [];
  if (found !== undefined) {
    return refused(`the API of this server has no ${type === undefined ? other : `${type}.${field}`}`, NEEDED);
  }
  if (status !== undefined) {
    const place = `${new URL(config.url).host}/graphql`;
    return refused(`${place} is no Unraid API: it answered ${status} ${said}`.trimEnd(), NEEDED);
  }
  return refused(`${what}: ${said || 'refused without a reason'}`, 'see the Docker and VMs pages of the server');
}

const WHERE = 'Settings → Management Access → API Keys';
const KEYS = `check the key: ${WHERE}`;

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ').slice(0, 300);
}
