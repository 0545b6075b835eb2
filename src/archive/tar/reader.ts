/** Reads a tar stream chunk by chunk: which members begin and end in each, and the SHA-256 of every file. */
import { type ContentHash, contentHash } from '#archive/tar/content.ts';
import { corrupt } from '#archive/tar/corrupt.ts';
import { BLOCK, isZeroBlock, type PaxRecords, parseHeader, parseRecords, type TarMember } from '#archive/tar/header.ts';

/** What one chunk of the stream held. */
export interface TarBatch {
  chunk: Buffer;
  /** Members whose header was complete in this chunk, in order. */
  started: TarMember[];
  /** Members whose content was complete in this chunk, in order; files have their `sha256` now. */
  finished: TarMember[];
  /** Which bytes of the archive belong to which member: headers, content and padding. Empty unless asked for. */
  spans: Span[];
}

/** Bytes of one member. The first span of a member holds its headers, which may have begun in an earlier chunk. */
export interface Span {
  member: TarMember;
  bytes: Buffer;
}

/** An extended header holds names and attributes: this is far more than Linux allows for those. */
const MAX_RECORDS = 8 << 20;

interface State {
  wantSpans: boolean;
  batch: TarBatch;
  /** Bytes of a header that began in an earlier chunk. */
  carry: Buffer;
  /** Header blocks of the member that is about to start. */
  headers: Buffer[];
  records: PaxRecords;
  /** Bytes of pax records still to come, with padding; and without. */
  recordsSize: number | null;
  member: TarMember | null;
  content: ContentHash | null;
  dataLeft: number;
  paddingLeft: number;
  zeroBlocks: number;
}

/**
 * Ends well only when the archive has its end mark; a header that makes no sense ends it with HA_SET_CORRUPT.
 * Chunks and spans are valid until the next batch is asked for; members stay.
 */
export async function* readTar(
  stream: AsyncIterable<Buffer>,
  { wantSpans = false } = {},
): AsyncGenerator<TarBatch, void, undefined> {
  const state: State = {
    wantSpans,
    batch: { chunk: Buffer.alloc(0), started: [], finished: [], spans: [] },
    carry: Buffer.alloc(0),
    headers: [],
    records: new Map(),
    recordsSize: null,
    member: null,
    content: null,
    dataLeft: 0,
    paddingLeft: 0,
    zeroBlocks: 0,
  };
  for await (const chunk of stream) {
    state.batch = { chunk, started: [], finished: [], spans: [] };
    try {
      await consume(state, chunk);
    } catch (error) {
      // What was whole before the damage is told first, so that the damage can be named by its place.
      if (state.batch.finished.length > 0) yield state.batch;
      throw error;
    }
    yield state.batch;
  }
  if (state.zeroBlocks < 2) throw corrupt('the archive ends too early');
}

async function consume(state: State, chunk: Buffer): Promise<void> {
  let at = 0;
  while (at < chunk.length) {
    if (state.dataLeft > 0) {
      const slice = chunk.subarray(at, at + state.dataLeft);
      const hashed = state.content?.write(slice);
      if (hashed !== undefined) await hashed;
      span(state, slice);
      state.dataLeft -= slice.length;
      at += slice.length;
      if (state.dataLeft === 0) await finish(state);
    } else if (state.paddingLeft > 0) {
      const slice = chunk.subarray(at, at + state.paddingLeft);
      span(state, slice);
      state.paddingLeft -= slice.length;
      at += slice.length;
    } else {
      at += await header(state, chunk.subarray(at));
    }
  }
}

/** Takes one header block, or one set of pax records, as soon as it is whole. Returns how much it took. */
async function header(state: State, available: Buffer): Promise<number> {
  const wanted = state.recordsSize === null ? BLOCK : Math.ceil(state.recordsSize / BLOCK) * BLOCK;
  const taken = Math.min(wanted - state.carry.length, available.length);
  const slice = available.subarray(0, taken);
  const block = state.carry.length === 0 ? slice : Buffer.concat([state.carry, slice]);
  if (block.length < wanted) {
    // The chunk's memory is used again for a later one, so what must outlast it is copied.
    state.carry = Buffer.from(block);
    return taken;
  }
  state.carry = Buffer.alloc(0);
  if (state.recordsSize !== null) {
    const kept = Buffer.from(block);
    state.headers.push(kept);
    state.records = parseRecords(kept.subarray(0, state.recordsSize));
    state.recordsSize = null;
  } else if (isZeroBlock(block)) {
    state.zeroBlocks += 1;
  } else {
    await memberHeader(state, block);
  }
  return taken;
}

async function memberHeader(state: State, block: Buffer): Promise<void> {
  if (state.zeroBlocks > 0) throw corrupt('the archive goes on after its end mark');
  const parsed = parseHeader(block, state.records);
  state.headers.push(parsed.kind === 'records' ? Buffer.from(block) : block);
  if (parsed.kind === 'records') {
    if (parsed.size > MAX_RECORDS || parsed.size === 0) throw corrupt('an extended header of the archive is too large');
    state.recordsSize = parsed.size;
    return;
  }
  const { member } = parsed;
  state.member = member;
  state.batch.started.push(member);
  for (const header of state.headers) span(state, header);
  state.headers = [];
  state.records = new Map();
  state.content = member.type === 'file' ? contentHash(member) : null;
  state.dataLeft = member.storedBytes;
  state.paddingLeft = (BLOCK - (member.storedBytes % BLOCK)) % BLOCK;
  if (state.dataLeft === 0) await finish(state);
}

async function finish(state: State): Promise<void> {
  const { member } = state;
  if (member === null) return;
  if (state.content !== null) member.sha256 = await state.content.end();
  state.content = null;
  state.batch.finished.push(member);
}

function span(state: State, bytes: Buffer): void {
  if (state.wantSpans && state.member !== null) state.batch.spans.push({ member: state.member, bytes });
}
