/** The http probe: a request whose answer has the right status, and holds what the conditions say. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { hasCredentials } from '#sdk/address.ts';
import { milliseconds } from '#sdk/duration.ts';
import { ConditionText, parseCondition } from '#sdk/probes/condition.ts';
import { type Answer, exchange } from '#sdk/probes/exchange.ts';
import { type Heard, whyNot } from '#sdk/probes/hold.ts';
import { connectError, type Detour } from '#sdk/probes/route.ts';
import type { Seen } from '#sdk/probes/seen.ts';
import { external, timeout } from '#sdk/probes/settings.ts';
import { secret } from '#sdk/secret.ts';
import type { Tools } from '#sdk/tools.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

const HeaderName = z.string().regex(/^[A-Za-z0-9-]+$/, 'not the name of a header');
const HeaderText = z.string().regex(/^[^\r\n\0]*$/, 'a header is one line');

export const HttpProbe = z.strictObject({
  type: z.literal('http'),
  url: z
    .url({ protocol: /^https?$/, error: 'not an http or https address' })
    .refine((text) => !hasCredentials(text), 'credentials do not belong into an address; write username and password'),
  method: z.enum(METHODS).default('GET'),
  headers: z
    .record(HeaderName, z.union([HeaderText, z.strictObject({ value: secret() })]))
    .default({})
    .describe('Headers of the request; a secret one is written as `X-Api-Key: { value_file: … }`'),
  username: z.string().min(1).optional().describe('For servers that ask for a name and a password'),
  password: secret().optional().describe('The password of the user'),
  token: secret().optional().describe('Sent as "Authorization: Bearer …"'),
  body: z.string().optional().describe('What is sent'),
  status: z
    .int()
    .min(100)
    .max(599)
    .optional()
    .describe(
      'The status that the answer must have. Default: 200, unless a condition speaks of [STATUS] or [CONNECTED]',
    ),
  body_contains: z.string().min(1).optional().describe('A text that the answer must contain'),
  conditions: z
    .array(ConditionText)
    .default([])
    .describe(
      'What must hold for the answer: "[STATUS] == 200", "[BODY].status == up", "[CERTIFICATE_EXPIRATION] > 48h"',
    ),
  follow_redirects: z.boolean().default(true).describe('Whether to go where a redirection leads'),
  ca: z
    .string()
    .startsWith('/')
    .optional()
    .describe('A PEM file with the authority that signed the certificate, or with the certificate itself')
    .meta({ path: true }),
  insecure: z.boolean().default(false).describe('Take any certificate. Then anybody on the way could answer'),
  external,
  timeout,
});
type HttpProbe = z.output<typeof HttpProbe>;

export async function askHttp(tools: Tools, probe: HttpProbe, detour?: Detour): Promise<Seen> {
  const signal = AbortSignal.any([tools.signal, AbortSignal.timeout(milliseconds(probe.timeout))]);
  const seen = { connected: false };
  try {
    const ask = { ...(await question(tools, probe, signal)), detour };
    const answer = await exchange(tools, ask, () => (seen.connected = true));
    if (answer.ledAway) return { ok: true, detail: `answered ${answer.status}, and led to what is not of the copy` };
    return judge(probe, heardOf(answer, tools.now()));
  } catch (error) {
    tools.signal.throwIfAborted();
    const reason = failure(error, signal);
    // Who asks whether there is a connection wants to know that there is none. A proxy that fails is another matter.
    const told = probe.conditions.some((text) => parseCondition(text).subject.placeholder === 'CONNECTED');
    if (!told || isRouteFailure(error)) return { ok: false, detail: reason };
    const verdict = judge(probe, { ...NOTHING, connected: seen.connected });
    return { ...verdict, detail: verdict.ok ? `as it should be: ${reason}` : `${verdict.detail} (${reason})` };
  }
}

const NOTHING: Heard = {
  connected: false,
  status: undefined,
  responseTimeMs: undefined,
  body: '',
  cut: false,
  ip: undefined,
  certificateExpiresInMs: undefined,
};

async function question(tools: Tools, probe: HttpProbe, signal: AbortSignal) {
  // Who expects a redirection wants to see it, and not where it leads.
  const expectsOne = probe.status !== undefined && probe.status >= 300 && probe.status < 400;
  return {
    url: new URL(probe.url),
    method: probe.method,
    headers: await headersOf(tools, probe),
    body: probe.body,
    follow: probe.follow_redirects && !expectsOne,
    trust: { ca: probe.ca, insecure: probe.insecure },
    route: typeof probe.external === 'object' ? probe.external : undefined,
    signal,
  };
}

async function headersOf(tools: Tools, probe: HttpProbe): Promise<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(probe.headers)) {
    headers[name.toLowerCase()] = typeof value === 'string' ? value : await tools.secret(value.value);
  }
  if (probe.token !== undefined) headers['authorization'] = `Bearer ${await tools.secret(probe.token)}`;
  if (probe.username !== undefined) {
    const password = probe.password === undefined ? '' : await tools.secret(probe.password);
    headers['authorization'] = `Basic ${Buffer.from(`${probe.username}:${password}`).toString('base64')}`;
  }
  return headers;
}

function heardOf({ status, responseTimeMs, body, cut, ip, expires }: Answer, now: Date): Heard {
  const certificateExpiresInMs = expires === undefined ? undefined : expires.getTime() - now.getTime();
  return { connected: true, status, responseTimeMs, body, cut, ip, certificateExpiresInMs };
}

function judge(probe: HttpProbe, heard: Heard): Seen {
  const conditions = probe.conditions.map(parseCondition);
  const implied = conditions.some(({ subject }) => ['STATUS', 'CONNECTED'].includes(subject.placeholder));
  const status = probe.status ?? (implied ? undefined : 200);
  const problems = conditions.flatMap((condition) => whyNot(condition, heard) ?? []);
  const wanted = probe.body_contains;
  if (wanted !== undefined && !heard.body.includes(wanted)) {
    problems.unshift(`answered ${heard.status}, but without the text ${JSON.stringify(wanted)}`);
  }
  if (status !== undefined && heard.status !== status) {
    problems.unshift(`answered ${heard.status ?? 'nothing'}, needs ${status}`);
  }
  const unchecked = probe.insecure && probe.url.startsWith('https:') ? ' (its certificate was not checked)' : '';
  return { ok: problems.length === 0, detail: `${problems.join('; ') || `answered ${heard.status}`}${unchecked}` };
}

function failure(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'no answer in time';
  return error instanceof AutopilotError ? error.message : connectError(error);
}

function isRouteFailure(error: unknown): boolean {
  return error instanceof AutopilotError && error.code === 'HA_REMOTE_UNREACHABLE';
}
