/** Writes and reads archives of mongodump by their published description, for documents of a number and a text. */

export type Documents = { _id: number; text: string }[];
type Value = number | string | boolean | bigint;

/** As it stands in the file: the number 0x8199e26d with its lowest byte first. */
const MAGIC = Buffer.from([0x6d, 0xe2, 0x99, 0x81]);
export const END = Buffer.from([0xff, 0xff, 0xff, 0xff]);

/** @param types of what is announced; left out, each with documents is a collection. */
export function archiveOf(db: string, collections: Record<string, Documents>, types?: Record<string, string>): Buffer {
  const names = Object.keys(collections);
  const announced = Object.entries(types ?? Object.fromEntries(names.map((name) => [name, 'collection'])));
  const header = { concurrent_collections: 4, version: '0.1', server_version: '7.0.14', tool_version: '100.9.4' };
  const contents = announced.map(([collection, type]) => bson({ db, collection, metadata: '{}', size: 1, type }));
  const parts = names.flatMap((collection) => {
    const documents = (collections[collection] ?? []).map(bson);
    const place = (EOF: boolean) => bson({ db, collection, EOF, CRC: 0n });
    const segment = documents.length === 0 ? [] : [place(false), ...documents, END];
    return [...segment, place(true), END];
  });
  return Buffer.concat([MAGIC, bson(header), ...contents, END, ...parts]);
}

export function readArchive(bytes: Buffer): Record<string, Record<string, Documents>> {
  const all: Record<string, Record<string, Documents>> = {};
  const parts = partsOf(bytes.subarray(MAGIC.length));
  const [, ...contents] = parts[0] ?? [];
  const into = (of: Record<string, Value>) => {
    const database = (all[String(of['db'])] ??= {});
    return (database[String(of['collection'])] ??= []);
  };
  for (const one of contents) into(one);
  for (const [place = {}, ...documents] of parts.slice(1)) {
    into(place).push(...documents.map(({ _id, text }) => ({ _id: Number(_id), text: String(text) })));
  }
  return all;
}

function partsOf(bytes: Buffer): Record<string, Value>[][] {
  const parts: Record<string, Value>[][] = [];
  let part: Record<string, Value>[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.subarray(at, at + 4).equals(END)) {
      parts.push(part);
      part = [];
      at += 4;
      continue;
    }
    const length = bytes.readInt32LE(at);
    part.push(fieldsOf(bytes.subarray(at, at + length)));
    at += length;
  }
  return parts;
}

function bson(fields: Record<string, Value>): Buffer {
  const body = Buffer.concat(Object.entries(fields).map(([name, value]) => field(name, value)));
  const length = Buffer.alloc(4);
  length.writeInt32LE(body.length + 5);
  return Buffer.concat([length, body, Buffer.from([0])]);
}

function field(name: string, value: Value): Buffer {
  const head = (type: number) => Buffer.concat([Buffer.from([type]), Buffer.from(`${name}\0`)]);
  if (typeof value === 'boolean') return Buffer.concat([head(0x08), Buffer.from([value ? 1 : 0])]);
  if (typeof value === 'bigint') {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return Buffer.concat([head(0x12), bytes]);
  }
  const number = Buffer.alloc(4);
  number.writeInt32LE(typeof value === 'number' ? value : Buffer.byteLength(value) + 1);
  return typeof value === 'number'
    ? Buffer.concat([head(0x10), number])
    : Buffer.concat([head(0x02), number, Buffer.from(`${value}\0`)]);
}

function fieldsOf(bytes: Buffer): Record<string, Value> {
  const fields: Record<string, Value> = {};
  for (let at = 4; at < bytes.length - 1; ) {
    const type = bytes[at];
    const end = bytes.indexOf(0, at + 1);
    const name = bytes.toString('utf8', at + 1, end);
    at = end + 1;
    const length = type === 0x02 ? bytes.readInt32LE(at) : 0;
    if (type === 0x02) fields[name] = bytes.toString('utf8', at + 4, at + 3 + length);
    if (type === 0x08) fields[name] = bytes[at] === 1;
    if (type === 0x10) fields[name] = bytes.readInt32LE(at);
    at += { 2: 4 + length, 8: 1, 16: 4, 18: 8 }[type ?? 0] ?? bytes.length;
  }
  return fields;
}
