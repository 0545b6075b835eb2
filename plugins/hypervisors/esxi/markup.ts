/** XML as vSphere speaks it: written with every text escaped, and read without a document type and without entities of its own. */
import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';

/** Markup that was made here. A plain string is text, and never becomes markup. */
export interface Element {
  markup: string;
}

export type Content = string | number | boolean | readonly (Element | undefined)[];

export interface Ref {
  type: string;
  id: string;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

function escaped(text: string): string {
  // A line end or tab would be changed on the way, and what XML cannot hold would make it no XML at all.
  return text.replaceAll(/[&<>"'\p{Cc}]/gu, (sign) => ESCAPES[sign] ?? `&#x${sign.codePointAt(0)?.toString(16)};`);
}

export function element(name: string, content: Content, attributes: Record<string, string> = {}): Element {
  const inner =
    typeof content === 'object' ? content.map((one) => one?.markup ?? '').join('') : escaped(String(content));
  const marks = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
  return { markup: `<${name}${marks.join('')}>${inner}</${name}>` };
}

export function reference(name: string, { type, id }: Ref): Element {
  return element(name, id, { type });
}

/** @returns undefined for what is no XML, or has a document type, which vSphere never sends. */
export function readXml(text: string): unknown {
  if (/<!DOCTYPE|<!ENTITY/i.test(text)) return undefined;
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    textNodeName: '#text',
    parseTagValue: false,
    parseAttributeValue: false,
    // The five of XML and numbers are all that there is; nothing is expanded from the text itself.
    processEntities: false,
    tagValueProcessor: (_, value) => unescaped(value),
    attributeValueProcessor: (_, value) => unescaped(value),
    transformTagName: (name) => name.replace(/^[^:]*:/, ''),
  });
  try {
    return parser.parse(text, true);
  } catch {
    return undefined;
  }
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescaped(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));/gi, (whole, dec, hex, name) => {
    if (name !== undefined) return NAMED[String(name).toLowerCase()] ?? whole;
    const code = dec === undefined ? Number.parseInt(hex, 16) : Number(dec);
    return code > 0x10ffff ? whole : String.fromCodePoint(code);
  });
}

/** The text of an element, with or without attributes. */
export const Text = z.union([
  z.string(),
  z.looseObject({ '#text': z.string().default('') }).transform((node) => node['#text']),
]);

export const Flag = Text.transform((text) => text === 'true' || text === '1');

export const Amount = Text.transform(Number).pipe(z.number().nonnegative());

export const Reference = z
  .looseObject({ '#text': z.string(), '@type': z.string() })
  .transform((node): Ref => ({ type: node['@type'], id: node['#text'] }));

/** One element, several, or none: all are a list. */
export function list<S extends z.ZodType>(member: S) {
  return z.preprocess((value) => {
    if (value === undefined || value === '') return [];
    return Array.isArray(value) ? value : [value];
  }, z.array(member));
}

/** A list that is the value of a property: it says its member's type in its own name, and in that of its members. */
export function arrayOf<S extends z.ZodType>(member: S, name: string) {
  return z.preprocess(
    (value) => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined),
    list(member),
  );
}

/** What an element of an open type is, as the attribute `type` of XML Schema says; its prefix is the server's choice. */
export function typeOf(node: unknown): string {
  const [, type] = Object.entries(node ?? {}).find(([key]) => /^@[^:]+:type$/.test(key)) ?? [];
  return typeof type === 'string' ? type.replace(/^[^:]*:/, '') : '';
}
