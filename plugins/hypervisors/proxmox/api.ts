/** One request to the API of Proxmox VE, and what its answer means. */
import type { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { jsonIn } from '#kernel/json.ts';
import { pause } from '#kernel/wait.ts';
import { milliseconds } from '#sdk/duration.ts';
import { askPinned, type Trust, trustOf } from '#sdk/pinned-https.ts';
import { errorBody } from './answers.ts';
import type { ProxmoxTools } from './config.ts';
import { refusal } from './refusals.ts';

export interface Pve {
  tools: ProxmoxTools;
  trust: Trust;
}

export interface Question {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Each is one part of the path, whatever is in it. */
  path: readonly string[];
  params?: Record<string, string | number>;
}

/** `lost`: nobody knows whether it was done. */
export type Reply =
  | { kind: 'data'; data: unknown }
  | { kind: 'refused'; status: number; text: string }
  | { kind: 'lost'; text: string };

/** USER@REALM!TOKENID=UUID: nothing that could become a second header. */
const TOKEN = /^[^\s:/!=]+@[A-Za-z][A-Za-z0-9._-]+![A-Za-z][A-Za-z0-9._-]+=[0-9A-Fa-f-]{36}$/;

/** Answers of a node on behalf of another one that it could not reach, or got no answer from. */
const PROXY_LOST = new Set([502, 503, 504, 595, 596, 599]);

const RETRY_MS = 500;

export async function openPve(tools: ProxmoxTools): Promise<Pve> {
  return {
    tools,
    trust: await trustOf(tools, { ...tools.config, next: 'copy /etc/pve/pve-root-ca.pem of a node there' }),
  };
}

/** Asks once. */
export async function ask({ tools, trust }: Pve, { method, path, params = {} }: Question): Promise<Reply> {
  const url = new URL(`/api2/json/${path.map(encodeURIComponent).join('/')}`, tools.config.url);
  const form = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) form.set(key, String(value));
  // Parameters of a DELETE go into the address; a form works with every version, JSON does not.
  const inBody = method === 'POST' || method === 'PUT';
  if (!inBody) url.search = form.toString();
  const body = inBody ? form.toString() : undefined;
  const answer = await askPinned(tools, {
    method,
    url,
    headers: async () => ({
      accept: 'application/json',
      authorization: `PVEAPIToken=${await tokenOf(tools)}`,
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(Buffer.byteLength(body)) }),
    }),
    body,
    timeoutMs: milliseconds(tools.config.timeout),
    trust,
  });
  if (answer.kind === 'lost') return { kind: 'lost', text: answer.reason };
  const { status, reason, text } = answer;
  if (PROXY_LOST.has(status)) return { kind: 'lost', text: `${status} ${reason}` };
  const json = parsed(text);
  if (status >= 200 && status < 300 && json !== undefined) return { kind: 'data', data: Reflect.get(json, 'data') };
  if (status < 400) return { kind: 'lost', text: `an answer (${status}) that is not Proxmox VE’s` };
  // Older nodes tell the reason in the status line alone, newer ones in both.
  return { kind: 'refused', status, text: errorBody(json) ?? reason };
}

/** Reads, and asks again for a while when there is no answer: reading twice changes nothing. */
export async function read<S extends z.ZodType>(
  pve: Pve,
  schema: S,
  question: Omit<Question, 'method'>,
): Promise<z.output<S>> {
  const { tools } = pve;
  const deadline = Date.now() + milliseconds(tools.config.patience);
  for (;;) {
    const reply = await ask(pve, { method: 'GET', ...question });
    if (reply.kind === 'refused') throw refusal(tools, reply, `read ${question.path.join('/')}`);
    if (reply.kind === 'data') return checked(pve, schema, { question, data: reply.data });
    if (Date.now() >= deadline) throw unreachable(tools, reply.text);
    await pause(RETRY_MS, tools.signal);
  }
}

export function unreachable({ name, config }: ProxmoxTools, reason: string): AutopilotError {
  const where = new URL(config.url).host;
  return new AutopilotError('HA_REMOTE_UNREACHABLE', `${name}: ${where} does not answer: ${reason}`, {
    next: 'see whether the node is on, and port 8006 is open from here',
  });
}

export function idOfToken(token: string): string {
  return token.slice(0, token.indexOf('='));
}

export async function tokenOf({ name, config, secret }: ProxmoxTools): Promise<string> {
  const token = (await secret(config.token)).trim();
  if (TOKEN.test(token)) return token;
  throw new AutopilotError('HA_CONFIG_INVALID', `${name}: the token is not one of Proxmox VE`, {
    next: 'write it as USER@REALM!TOKENID=UUID; the UUID is shown once, when the token is made',
  });
}

interface Got {
  question: Omit<Question, 'method'>;
  data: unknown;
}

function checked<S extends z.ZodType>({ tools }: Pve, schema: S, { question, data }: Got): z.output<S> {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  const at = result.error.issues[0]?.path.join('.') ?? '';
  throw new AutopilotError(
    'HA_BAD_OUTPUT',
    `${tools.name}: the answer to ${question.path.join('/')} is not understood (at "${at}")`,
    {
      next: 'this version of Proxmox VE may be too new or too old; please report it',
    },
  );
}

function parsed(text: string): object | undefined {
  const json = jsonIn(text);
  return typeof json === 'object' && json !== null ? json : undefined;
}
