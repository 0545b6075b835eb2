/** Reads an archive of mongodump while it goes by, and says whether it is whole: its own table of contents against its ends. */
import type { Watch } from '#sdk/databases/stream.ts';
import { invalidDump } from '#sdk/databases/watch.ts';

/** https://github.com/mongodb/mongo-tools/blob/master/common/archive/spec.md */
const MAGIC = 0x8199e26d;
const END_OF_PART = 0xffffffff;

/** A document may hold 16 MiB, and a little more inside of the server. */
const LONGEST = 17 * 1024 * 1024;
const SHORTEST = 5;

export interface ArchiveWatch extends Watch {
  /** @throws AutopilotError HA_DUMP_INVALID */
  finish(what: string): ArchiveFacts;
}

export interface ArchiveFacts {
  server: string;
  tool: string;
  /** Those with documents of their own, which a view has not, and without those of the server. */
  collections: number;
}

type Place = 'magic' | 'header' | 'contents' | 'part' | 'documents';

interface State {
  place: Place;
  facts: { server: string; tool: string };
  /** Collections that were announced, and have not ended. */
  open: Set<string>;
  collections: Set<string>;
  problem: string | undefined;
}

export function archiveWatch(): ArchiveWatch {
  const state: State = {
    place: 'magic',
    facts: { server: '', tool: '' },
    open: new Set(),
    collections: new Set(),
    problem: undefined,
  };
  let held: Buffer[] = [];
  let size = 0;
  /** How much must be there before it is worth a look: a document of megabytes comes in many pieces. */
  let wanted = 4;
  return {
    piece(bytes) {
      if (state.problem !== undefined) return;
      held.push(bytes);
      size += bytes.length;
      if (size < wanted) return;
      const { rest, need } = take(state, Buffer.concat(held));
      held = [Buffer.from(rest)];
      size = rest.length;
      wanted = need;
    },
    finish(what) {
      if (state.problem !== undefined) throw invalidDump(what, state.problem);
      if (size > 0 || state.place !== 'part') throw invalidDump(what, 'it was cut short');
      const [open] = state.open;
      if (open !== undefined) throw invalidDump(what, `the collection ${open} does not end`);
      return { ...state.facts, collections: state.collections.size };
    },
  };
}

/** Takes all that is there as a whole. @returns what is left, and how much it must become. */
function take(state: State, bytes: Buffer): { rest: Buffer; need: number } {
  let at = 0;
  while (bytes.length - at >= 4 && state.problem === undefined) {
    const length = bytes.readUInt32LE(at);
    if (state.place === 'magic' || length === END_OF_PART) {
      step(state, length);
      at += 4;
      continue;
    }
    if (length < SHORTEST || length > LONGEST) {
      state.problem = 'something in it is no document';
      break;
    }
    if (bytes.length - at < length) return { rest: bytes.subarray(at), need: length };
    document(state, bytes.subarray(at, at + length));
    at += length;
  }
  return { rest: bytes.subarray(at), need: 4 };
}

/** A word between documents. */
function step(state: State, word: number): void {
  const { place } = state;
  if (place === 'magic') {
    if (word !== MAGIC) state.problem = 'it is no archive of mongodump';
    state.place = 'header';
  } else if (place === 'contents' || place === 'documents') state.place = 'part';
  else state.problem = 'it ends where something should follow';
}

function document(state: State, bytes: Buffer): void {
  if (bytes.at(-1) !== 0) {
    state.problem = 'a document in it has no end';
    return;
  }
  if (state.place === 'documents') return;
  const fields = scalarsOf(bytes);
  if (state.place === 'header') {
    state.facts = { server: fields.get('server_version') ?? '', tool: fields.get('tool_version') ?? '' };
    state.place = 'contents';
    return;
  }
  const name = `${fields.get('db') ?? ''}.${fields.get('collection') ?? ''}`;
  if (state.place === 'contents') {
    // Older tools tell of a view only what it is made of.
    if (fields.get('type') === 'view' || /"viewOn":/.test(fields.get('metadata') ?? '')) return;
    state.open.add(name);
    if (!fields.get('collection')?.startsWith('system.')) state.collections.add(name);
    return;
  }
  // The data of a time series has another name than the series.
  if (fields.get('EOF') === 'true')
    for (const one of [name, name.replace('.system.buckets.', '.')]) state.open.delete(one);
  state.place = 'documents';
}

const STRING = 0x02;
const BOOLEAN = 0x08;
const INT32 = 0x10;
const INT64 = 0x12;

/** Texts and truths of a document that has no more than those and numbers, as those between the data have. */
function scalarsOf(bytes: Buffer): Map<string, string> {
  const found = new Map<string, string>();
  let at = 4;
  while (at < bytes.length - 1) {
    const type = bytes[at];
    const end = bytes.indexOf(0, at + 1);
    const name = bytes.toString('utf8', at + 1, end);
    at = end + 1;
    if (type === STRING && at + 4 <= bytes.length) {
      const length = bytes.readInt32LE(at);
      found.set(name, bytes.toString('utf8', at + 4, at + 3 + length));
      at += 4 + Math.max(1, length);
    } else if (type === BOOLEAN) {
      found.set(name, bytes[at] === 1 ? 'true' : 'false');
      at += 1;
    } else if (type === INT32) at += 4;
    else if (type === INT64) at += 8;
    else break;
  }
  return found;
}
