/** Hashes the content of one member while it streams by; the holes of a sparse file count as the zeros that they are. */
import { createHash, type Hash, hash as hashAtOnce } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { corrupt } from '#archive/tar/corrupt.ts';
import { BLOCK, type TarMember } from '#archive/tar/header.ts';

/** Takes the stored bytes of one member, in order, and gives the SHA-256 of the file that they make. */
export interface ContentHash {
  write(slice: Buffer): void | Promise<void>;
  end(): string | Promise<string>;
}

export function contentHash(member: TarMember): ContentHash {
  return member.sparse ? sparseHash(member.size) : plainHash(member.storedBytes);
}

/** Most files arrive in one piece, and hashing those at once costs a third of a hash object. */
function plainHash(bytes: number): ContentHash {
  let whole: string | undefined;
  const hash = { object: undefined as Hash | undefined };
  return {
    write(slice) {
      if (slice.length === bytes) whole = hashAtOnce('sha256', slice);
      else (hash.object ??= createHash('sha256')).update(slice);
    },
    end: () => whole ?? (hash.object ?? createHash('sha256')).digest('hex'),
  };
}

interface Piece {
  offset: number;
  length: number;
}

const ZEROS = Buffer.alloc(1 << 20);
/** Hashing more zeros than this in one go would keep the process from answering its lock and its signals. */
const ZEROS_PER_TURN = 32;

/** Stored as: a map in decimal lines, padded to a block, then the pieces one after the other. */
function sparseHash(size: number): ContentHash {
  const hash = createHash('sha256');
  let map = Buffer.alloc(0);
  let expand: Expander | undefined;
  return {
    async write(slice) {
      if (expand !== undefined) return await expand.data(slice);
      map = Buffer.concat([map, slice]);
      const parsed = parseMap(map, size);
      if (parsed === undefined) return;
      expand = expander(
        hash,
        parsed.pieces.filter((piece) => piece.length > 0),
      );
      await expand.data(map.subarray(parsed.bytes));
    },
    async end() {
      if (expand?.isComplete() !== true) throw corrupt('a sparse file with less data than its map tells');
      await expand.zerosUpTo(size);
      return hash.digest('hex');
    },
  };
}

interface Expander {
  data(slice: Buffer): Promise<void>;
  zerosUpTo(offset: number): Promise<void>;
  isComplete(): boolean;
}

/** Feeds a hash with the pieces at their places and zeros between them. */
function expander(hash: Hash, pieces: readonly Piece[]): Expander {
  let index = 0;
  let inPiece = 0;
  let position = 0;

  async function zerosUpTo(offset: number): Promise<void> {
    for (let turn = 1; position < offset; turn++) {
      const length = Math.min(ZEROS.length, offset - position);
      hash.update(length === ZEROS.length ? ZEROS : ZEROS.subarray(0, length));
      position += length;
      if (turn % ZEROS_PER_TURN === 0) await nextTurn();
    }
  }

  async function data(slice: Buffer): Promise<void> {
    for (let at = 0; at < slice.length; ) {
      const piece = pieces[index];
      if (piece === undefined) throw corrupt('a sparse file with more data than its map tells');
      if (inPiece === 0) await zerosUpTo(piece.offset);
      const length = Math.min(slice.length - at, piece.length - inPiece);
      hash.update(slice.subarray(at, at + length));
      at += length;
      inPiece += length;
      position += length;
      if (inPiece < piece.length) continue;
      index += 1;
      inPiece = 0;
    }
  }

  return { data, zerosUpTo, isComplete: () => index === pieces.length };
}

/** `2\n0\n4096\n1048576\n512\n` and zeros up to a whole block; undefined while some of it is still to come. */
function parseMap(data: Buffer, size: number): { pieces: Piece[]; bytes: number } | undefined {
  const numbers: number[] = [];
  let at = 0;
  for (let wanted = 1; numbers.length < wanted; ) {
    const end = data.indexOf(0x0a, at);
    if (end < 0) return undefined;
    const number = Number(data.toString('latin1', at, end));
    if (!Number.isSafeInteger(number) || number < 0) throw corrupt('a sparse file with a bad map');
    if (numbers.push(number) === 1) wanted = 1 + 2 * number;
    at = end + 1;
  }
  const bytes = Math.ceil(at / BLOCK) * BLOCK;
  return data.length < bytes ? undefined : { pieces: toPieces(numbers, size), bytes };
}

function toPieces(numbers: number[], size: number): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (let at = 1; at < numbers.length; at += 2) {
    const piece = { offset: numbers[at] ?? 0, length: numbers[at + 1] ?? 0 };
    if (piece.offset < end || piece.offset + piece.length > size) throw corrupt('a sparse file with a bad map');
    end = piece.offset + piece.length;
    pieces.push(piece);
  }
  return pieces;
}
