/** One question to Unraid's GraphQL API, and what its answer means. */
import { z } from 'zod';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { jsonIn } from '#kernel/json.ts';
import { pause } from '#kernel/wait.ts';
import { milliseconds } from '#sdk/duration.ts';
import { askLocal, httpPlace } from '#sdk/local-http.ts';
import { askPinned, type Trust, trustOf } from '#sdk/pinned-https.ts';
import type { UnraidTools } from './config.ts';
import type { Operation } from './operations.ts';
import { type GraphqlError, refusal } from './refusals.ts';

export interface Unraid {
  tools: UnraidTools;
  trust: Trust;
}

type Variables = Record<string, string>;

/** `lost`: nobody knows whether it was done. */
type Reply =
  | { kind: 'answer'; data: unknown; errors: GraphqlError[] }
  | { kind: 'refused'; status: number; text: string }
  | { kind: 'lost'; text: string };

/** Nothing that could become a second header. */
const KEY = /^[\x21-\x7e]{16,512}$/;

const RETRY_MS = 500;

const Envelope = z.object({
  data: z.unknown().optional(),
  errors: z
    .array(
      z.object({
        message: z.string().default(''),
        extensions: z.object({ code: z.string().default('') }).catch({ code: '' }),
      }),
    )
    .default([]),
});

export async function openUnraid(tools: UnraidTools): Promise<Unraid> {
  const next = 'put the certificate of the authority there, as PEM';
  return { tools, trust: await trustOf(tools, { ...tools.config, next }) };
}

/** Reads, and asks again for a while when there is no answer: reading twice changes nothing. */
export async function read<S extends z.ZodType>(unraid: Unraid, operation: Operation<S>): Promise<z.output<S>> {
  const { tools } = unraid;
  const deadline = Date.now() + milliseconds(tools.config.patience);
  for (;;) {
    const reply = await ask(unraid, operation, {});
    if (reply.kind === 'answer') return checked(unraid, operation, reply);
    if (reply.kind === 'refused') throw refusal(tools, operation, reply);
    if (Date.now() >= deadline) throw unreachable(tools, reply.text);
    await pause(RETRY_MS, tools.signal);
  }
}

/** Asks for a change, once. @returns why it may not have been made; what is there says whether it was. */
export async function attempt(
  unraid: Unraid,
  operation: Operation,
  variables: Variables,
): Promise<AutopilotError | undefined> {
  const { tools } = unraid;
  const reply = await ask(unraid, operation, variables);
  if (reply.kind === 'lost')
    return unreachable(tools, `${reply.text}; whether ${operation.what} was done is not known`);
  const errors = reply.kind === 'answer' ? reply.errors : [];
  return reply.kind === 'refused' || errors.length > 0 ? refusal(tools, operation, reply) : undefined;
}

async function ask(unraid: Unraid, { text }: Operation, variables: Variables): Promise<Reply> {
  const answer = await exchange(unraid, JSON.stringify({ query: text, variables }));
  if (answer.kind === 'lost') return { kind: 'lost', text: answer.reason };
  const { status } = answer;
  const json = jsonIn(answer.text);
  const isGraphql = typeof json === 'object' && json !== null && ('data' in json || 'errors' in json);
  const envelope = isGraphql ? Envelope.safeParse(json) : undefined;
  // Refusals come with 200, those of a question that is not understood with 400: the status tells nothing.
  if (envelope?.success === true) return { kind: 'answer', data: envelope.data.data, errors: envelope.data.errors };
  if ([502, 503, 504].includes(status)) return { kind: 'lost', text: `${status} ${answer.reason}` };
  return { kind: 'refused', status, text: answer.reason };
}

/** By either way: what came back, or why nothing whole did. */
type Exchanged = { kind: 'answer'; status: number; reason: string; text: string } | { kind: 'lost'; reason: string };

async function exchange({ tools, trust }: Unraid, body: string): Promise<Exchanged> {
  const url = new URL('/graphql', tools.config.url);
  const timeoutMs = milliseconds(tools.config.timeout);
  const headers = async () => ({
    accept: 'application/json',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'x-api-key': await keyOf(tools),
  });
  if (url.protocol === 'https:')
    return await askPinned(tools, { method: 'POST', url, headers, body, timeoutMs, trust });
  tools.signal.throwIfAborted();
  const given = await headers();
  const at = httpPlace(url.href);
  try {
    const asked = { at, who: url.host, path: url.pathname, method: 'POST' as const, headers: given, body, timeoutMs };
    const { status, body: text } = await askLocal(tools, asked);
    return { kind: 'answer', status, reason: '', text };
  } catch (error) {
    tools.signal.throwIfAborted();
    return { kind: 'lost', reason: errorText(error) };
  }
}

async function keyOf({ name, config, secret }: UnraidTools): Promise<string> {
  const key = (await secret(config.api_key)).trim();
  if (KEY.test(key)) return key;
  throw new AutopilotError('HA_CONFIG_INVALID', `${name}: api_key is not a key of Unraid`, {
    next: 'make one under Settings → Management Access → API Keys',
  });
}

function unreachable({ name, config }: UnraidTools, reason: string): AutopilotError {
  const where = new URL(config.url).host;
  return new AutopilotError('HA_REMOTE_UNREACHABLE', `${name}: ${where} does not answer: ${reason}`, {
    next: 'see whether the server is on, and its web interface is open from here',
  });
}

function checked<S extends z.ZodType>(
  { tools }: Unraid,
  operation: Operation<S>,
  reply: Reply & { kind: 'answer' },
): z.output<S> {
  const { data, errors } = reply;
  const result = operation.shape.safeParse(data);
  if (errors.length > 0 && !(operation.partial === true && result.success)) throw refusal(tools, operation, reply);
  for (const { message } of errors) tools.log.warn(`${operation.what} has a hole`, { message });
  if (result.success) return result.data;
  const at = result.error.issues[0]?.path.join('.') ?? '';
  throw new AutopilotError(
    'HA_BAD_OUTPUT',
    `${tools.name}: the answer to ${operation.what} is not understood ("${at}")`,
    {
      next: 'this version of Unraid may be too new or too old; please report it',
    },
  );
}
