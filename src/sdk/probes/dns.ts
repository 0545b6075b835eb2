/** The dns probe: a name server knows a name, and gives the right answer. */
import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { z } from 'zod';
import { errorText, systemCode } from '#kernel/errors.ts';
import { milliseconds } from '#sdk/duration.ts';
import type { Seen } from '#sdk/probes/seen.ts';
import { timeout } from '#sdk/probes/settings.ts';
import type { Tools } from '#sdk/tools.ts';

const RECORDS = ['A', 'AAAA', 'CNAME', 'MX', 'NS', 'PTR', 'SRV', 'TXT'] as const;

export const DnsProbe = z.strictObject({
  type: z.literal('dns'),
  name: z.string().min(1).max(255).describe('The name that is asked for'),
  record: z.enum(RECORDS).default('A').describe('The kind of record'),
  resolver: z
    .string()
    .refine(isServer, 'not the address of a name server: 192.168.1.1, 192.168.1.1:5353 or [fd00::1]:53')
    .optional()
    .describe('Address of the name server, with its port if it is not 53. Default: those of the system'),
  expect: z
    .array(z.string().min(1))
    .default([])
    .describe('What must be among the answers: 192.168.1.5, mail.example.org, "10 mail.example.org" for MX'),
  timeout,
});
type DnsProbe = z.output<typeof DnsProbe>;

export async function askDns(tools: Tools, probe: DnsProbe): Promise<Seen> {
  const timeoutMs = milliseconds(probe.timeout);
  const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
  if (probe.resolver !== undefined) resolver.setServers([probe.resolver]);
  const signal = AbortSignal.any([tools.signal, AbortSignal.timeout(timeoutMs)]);
  const cancel = (): void => resolver.cancel();
  signal.addEventListener('abort', cancel);
  try {
    return judge(probe, await answers(resolver, probe));
  } catch (error) {
    tools.signal.throwIfAborted();
    return { ok: false, detail: signal.aborted ? 'no answer in time' : reason(error, probe) };
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

async function answers(resolver: Resolver, { name, record }: DnsProbe): Promise<string[]> {
  const found = await resolver.resolve(name, record);
  return (Array.isArray(found) ? found : [found]).map((one: string | string[] | object) => inWords(one));
}

function inWords(answer: string | string[] | object): string {
  if (typeof answer === 'string') return answer;
  if (Array.isArray(answer)) return answer.join('');
  const parts = ['priority', 'weight', 'port', 'exchange', 'name'].map((key): unknown => Reflect.get(answer, key));
  return parts.filter((part) => typeof part === 'string' || typeof part === 'number').join(' ');
}

function judge({ expect, record }: DnsProbe, found: readonly string[]): Seen {
  // Names are the same in small and in capital letters; texts are not.
  const plain = (text: string): string => (record === 'TXT' ? text : text.toLowerCase().replace(/\.$/, ''));
  const missing = expect.filter((wanted) => !found.some((one) => plain(one) === plain(wanted)));
  const told = `answered ${found.join(', ')}`;
  return missing.length === 0
    ? { ok: true, detail: told }
    : { ok: false, detail: `${told}; needs ${missing.join(', ')}` };
}

function reason(error: unknown, { record }: DnsProbe): string {
  const words: Record<string, string> = {
    ENOTFOUND: 'there is no such name',
    ENODATA: `the name has no ${record} record`,
    ESERVFAIL: 'the name server failed (SERVFAIL)',
    EREFUSED: 'the name server refused (REFUSED)',
    ETIMEOUT: 'no answer in time',
    ECONNREFUSED: 'no name server answers there',
    EBADRESP: 'the name server gave an answer that cannot be read',
  };
  return words[systemCode(error) ?? ''] ?? errorText(error);
}

function isServer(text: string): boolean {
  if (isIP(text) !== 0) return true;
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  return isIP(bracketed ?? '') === 6 || (isIP(plain ?? '') === 4 && Number(port ?? 53) <= 65_535);
}
