/** Makes the tree that the archive benchmark works on: many small files, some large, some incompressible. */
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface TreeFacts {
  files: number;
  bytes: number;
}

const FILES_PER_DIRECTORY = 200;
const BLOCK = 1 << 20;

/** A third in small files of 1 to 24 KiB, a third in large text, a third in data that does not compress. */
export function generateTree(root: string, bytes: number): TreeFacts {
  const third = Math.floor(bytes / 3);
  const facts = { files: 0, bytes: 0 };
  smallFiles(join(root, 'small'), third, facts);
  largeFiles(join(root, 'text'), { bytes: third, fill: (index) => text(BLOCK, index) }, facts);
  largeFiles(join(root, 'media'), { bytes: third, fill: () => randomBytes(BLOCK) }, facts);
  return facts;
}

function smallFiles(root: string, bytes: number, facts: TreeFacts): void {
  const pool = text(1 << 22, 7);
  let written = 0;
  for (let index = 0; written < bytes; index++) {
    const directory = join(root, String(Math.floor(index / FILES_PER_DIRECTORY)));
    if (index % FILES_PER_DIRECTORY === 0) mkdirSync(directory, { recursive: true });
    const size = 1024 + ((index * 7919) % (23 * 1024));
    const start = (index * 104_729) % (pool.length - size);
    writeFileSync(join(directory, `note-${index}.txt`), pool.subarray(start, start + size));
    written += size;
    facts.files += 1;
  }
  facts.bytes += written;
}

function largeFiles(root: string, plan: { bytes: number; fill: (index: number) => Buffer }, facts: TreeFacts): void {
  mkdirSync(root, { recursive: true });
  const perFile = Math.max(BLOCK, Math.floor(plan.bytes / 4 / BLOCK) * BLOCK);
  for (let written = 0, index = 0; written < plan.bytes; index++) {
    const file = openSync(join(root, `large-${index}.bin`), 'w');
    for (let inFile = 0; inFile < perFile && written < plan.bytes; inFile += BLOCK, written += BLOCK) {
      writeSync(file, plan.fill(written / BLOCK));
      facts.bytes += BLOCK;
    }
    closeSync(file);
    facts.files += 1;
  }
}

/** Text that compresses as prose and logs do, to about a third: words of a small vocabulary with numbers between. */
function text(bytes: number, seed: number): Buffer {
  const random = randomNumbers(seed + 1);
  const vocabulary = Array.from({ length: 2000 }, () => (random() * 36 ** 6).toString(36).slice(0, 2 + random() * 8));
  const parts: string[] = [];
  for (let length = 0; length < bytes; ) {
    const word =
      random() < 0.15 ? String(Math.floor(random() * 1e6)) : (vocabulary[Math.floor(random() ** 3 * 2000)] ?? '');
    parts.push(word);
    length += word.length + 1;
  }
  return Buffer.from(parts.join(' ').slice(0, bytes).padEnd(bytes));
}

/** Mulberry32: the same seed gives the same numbers, so that every run measures the same tree. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
