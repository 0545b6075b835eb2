/** Caddy's admin API: what runs now, with the tag that tells whether somebody has changed it since, and how it is replaced. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { type Json, jsonIn } from '#kernel/json.ts';
import { askLocal, httpPlace, isNobodyThere, type LocalAnswer, type LocalRequest } from '#sdk/local-http.ts';
import type { CaddyTools } from './config.ts';

export interface Running {
  config: Json;
  /** The JSON as Caddy gave it. */
  text: string;
  /** Of the whole configuration; a change that names it is refused when it is not the present one. */
  tag: string;
}

const Refusal = z.object({ error: z.string() });

/** @throws AutopilotError HA_REMOTE_UNREACHABLE, or HA_CONFIG_INVALID when something else than Caddy answers there. */
export async function runningConfig(tools: CaddyTools): Promise<Running> {
  const answer = await ask(tools, { path: '/config/' });
  const tag = answer.headers.get('etag');
  const config = answer.status === 200 ? jsonIn(answer.body) : undefined;
  if (config !== undefined && tag !== undefined) return { config, text: answer.body, tag };
  const why = answer.status === 200 ? 'an answer without an Etag' : `status ${answer.status}`;
  throw new AutopilotError(
    'HA_CONFIG_INVALID',
    `${tools.name}: ${tools.config.admin} is not Caddy’s admin API (${why})`,
    {
      next: 'correct `admin` of the service; it needs Caddy 2.6 or newer',
    },
  );
}

/** @returns undefined when nobody listens at the address: Caddy is down, its API is off, or the address is wrong. */
export async function runningIfUp(tools: CaddyTools): Promise<Running | undefined> {
  try {
    return await runningConfig(tools);
  } catch (error) {
    if (isNobodyThere(error)) return undefined;
    throw error;
  }
}

/**
 * Has Caddy run a configuration from now on, without an outage. One that it cannot run leaves the old one running.
 * @param tag of what is replaced.
 * @throws AutopilotError HA_CONFLICT when something else runs by now, HA_CHECK_FAILED when Caddy refuses it.
 */
export async function replaceConfig(tools: CaddyTools, text: string, tag: string): Promise<void> {
  const headers = { 'content-type': 'application/json', 'if-match': tag };
  const answer = await ask(tools, { path: '/config/', method: 'POST', headers, body: text, timeoutMs: 60_000 });
  if (answer.status === 200) return;
  if (answer.status === 412) {
    throw new AutopilotError('HA_CONFLICT', `${tools.name}: somebody has changed Caddy’s configuration meanwhile`, {
      next: 'see what it runs now, and try again',
    });
  }
  throw refusal(tools, answer);
}

/** What Caddy makes of the text of a Caddyfile, in its own environment. It runs none of it. */
export async function adaptByCaddy(tools: CaddyTools, text: string): Promise<Json> {
  const headers = { 'content-type': 'text/caddyfile' };
  const answer = await ask(tools, { path: '/adapt', method: 'POST', headers, body: text });
  const adapted = z.object({ result: z.json() }).safeParse(answer.status === 200 ? jsonIn(answer.body) : undefined);
  if (adapted.success) return adapted.data.result;
  throw refusal(tools, answer);
}

function refusal(tools: CaddyTools, { status, body }: LocalAnswer): AutopilotError {
  const told = Refusal.safeParse(jsonIn(body));
  const why = told.success ? told.data.error : `status ${status}`;
  return new AutopilotError('HA_CHECK_FAILED', `${tools.name}: Caddy refuses it: ${inFile(tools, why)}`, {
    next: `correct ${tools.config.config_file}; what ran before still runs`,
  });
}

/** Caddy does not know the name of what it was sent, so it calls it `Caddyfile`. */
export function inFile({ config: { config_file: file } }: CaddyTools, why: string): string {
  const plain = why.replace(/^adapting config using caddyfile(?: adapter)?: /, '');
  return plain.replace(/^Caddyfile:(?=\d)/, `${file}:`);
}

async function ask(tools: CaddyTools, asked: Omit<LocalRequest, 'at' | 'who'>): Promise<LocalAnswer> {
  const { admin } = tools.config;
  const who = `Caddy’s admin API at ${admin}`;
  try {
    return await askLocal(tools, { at: placeOf(admin), who, ...asked });
  } catch (error) {
    if (!(error instanceof AutopilotError) || error.code !== 'HA_REMOTE_UNREACHABLE') throw error;
    throw new AutopilotError(error.code, `${tools.name}: ${error.message}`, {
      cause: error.cause,
      next: 'start Caddy, or correct `admin` of the service: it is the address of `admin` in the Caddyfile',
    });
  }
}

function placeOf(admin: string): LocalRequest['at'] {
  if (admin.startsWith('unix//')) return { socket: `/${admin.slice('unix//'.length)}` };
  return httpPlace(admin);
}
