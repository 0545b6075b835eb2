/** One call to the API of vSphere, to the server that is meant and to no other. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { milliseconds } from '#sdk/duration.ts';
import { askPinned, type Trust } from '#sdk/pinned-https.ts';
import type { EsxiTools } from './config.ts';
import type { Lost } from './insist.ts';
import { type Element, element, type Ref, readXml, reference, Text, typeOf } from './markup.ts';
import type { Fault } from './refusals.ts';

export interface Line {
  tools: EsxiTools;
  url: URL;
  trust: Trust;
}

export interface Call {
  method: string;
  on: Ref;
  parts?: readonly (Element | undefined)[];
  cookie?: string | undefined;
  /** In place of the step's signal: to say goodbye after the step has ended. */
  farewell?: AbortSignal;
}

/** `lost`: nobody knows whether it was done. */
export type Reply =
  | { kind: 'value'; value: unknown; cookie: string | undefined }
  | { kind: 'fault'; fault: Fault }
  | Lost;

/** Old enough for every host of today, and new enough for all that is asked here. */
const VERSION = '"urn:vim25/6.0"';

export async function openLine(tools: EsxiTools): Promise<Line> {
  const { url: text = '', fingerprint, ca_file: file } = tools.config;
  const url = new URL('/sdk', text);
  if (file === undefined) return { tools, url, trust: { fingerprint } };
  try {
    return { tools, url, trust: { ca: await readFile(file, 'utf8') } };
  } catch (cause) {
    throw new AutopilotError('HA_CONFIG_INVALID', `${tools.name}: ${file} cannot be read: ${errorText(cause)}`, {
      cause,
      next: 'write the certificate of the authority there, in PEM form',
    });
  }
}

/** Asks once. */
export async function post({ tools, url, trust }: Line, call: Call): Promise<Reply> {
  const { method, on, parts = [], cookie, farewell } = call;
  const body = envelope(element(method, [reference('_this', on), ...parts], { xmlns: 'urn:vim25' }));
  const answer = await askPinned(farewell === undefined ? tools : { name: tools.name, signal: farewell }, {
    method: 'POST',
    url,
    headers: async () => ({
      'content-type': 'text/xml; charset=utf-8',
      'content-length': String(Buffer.byteLength(body)),
      soapaction: VERSION,
      ...(cookie === undefined ? {} : { cookie }),
    }),
    body,
    timeoutMs: milliseconds(tools.config.timeout),
    trust,
  });
  if (answer.kind === 'lost') return { kind: 'lost', text: answer.reason };
  const { status, text, headers } = answer;
  const reply = readReply(text, method);
  if (reply === undefined) return { kind: 'lost', text: `an answer (${status}) that is not vSphere’s` };
  if (reply.kind === 'fault') return reply;
  return { ...reply, cookie: headers['set-cookie']?.[0]?.split(';')[0] };
}

const FaultBody = z.looseObject({ faultstring: Text.default(''), detail: z.record(z.string(), z.unknown()).catch({}) });

/** @returns undefined for what is no answer to this call. */
export function readReply(
  text: string,
  method: string,
): { kind: 'value'; value: unknown } | { kind: 'fault'; fault: Fault } | undefined {
  const body = child(child(readXml(text), 'Envelope'), 'Body');
  const fault = FaultBody.safeParse(child(body, 'Fault'));
  if (fault.success) {
    const { faultstring, detail } = fault.data;
    const isElement = (key: string) => !key.startsWith('@') && !key.startsWith('#');
    const name = Object.keys(detail).find(isElement) ?? '';
    return { kind: 'fault', fault: faultOf(detail[name], name.replace(/Fault$/, ''), faultstring) };
  }
  const answered = child(body, `${method}Response`);
  if (answered === undefined) return undefined;
  return { kind: 'value', value: child(answered, 'returnval') };
}

const FaultNode = z.looseObject({ privilegeId: Text.optional() }).catch({});

/** @param name what it is when it does not say its type itself. */
export function faultOf(node: unknown, name: string, text: string): Fault {
  return { type: typeOf(node) || name || 'Fault', text, privilege: FaultNode.parse(node).privilegeId };
}

function child(node: unknown, name: string): unknown {
  return typeof node === 'object' && node !== null ? Reflect.get(node, name) : undefined;
}

function envelope(call: Element): string {
  const spaces = {
    'xmlns:soapenv': 'http://schemas.xmlsoap.org/soap/envelope/',
    'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
  };
  const whole = element('soapenv:Envelope', [element('soapenv:Body', [call])], spaces);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${whole.markup}`;
}
