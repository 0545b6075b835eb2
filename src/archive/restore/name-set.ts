/** A set of names that takes 8 bytes for each: a million names must not fill a worker's memory. */
import { hash } from 'node:crypto';
import type { RawPath } from '#archive/raw.ts';

export interface NameSet {
  add(name: RawPath): void;
  has(name: RawPath): boolean;
}

/** Names are told apart by 52 bits of their hash: two alike among a million are one chance in nine thousand. */
export function createNameSet(): NameSet {
  let hashes = new Float64Array(1024);
  let count = 0;
  let sorted = true;

  function find(wanted: number): boolean {
    if (!sorted) hashes.subarray(0, count).sort();
    sorted = true;
    let low = 0;
    for (let high = count; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((hashes[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low < count && hashes[low] === wanted;
  }

  return {
    add(name) {
      if (count === hashes.length) {
        const larger = new Float64Array(count * 2);
        larger.set(hashes);
        hashes = larger;
      }
      hashes[count] = hashOf(name);
      count += 1;
      sorted = false;
    },
    has: (name) => find(hashOf(name)),
  };
}

/** Thirteen hex digits are 52 bits, and a double holds whole numbers of 53. */
function hashOf(name: RawPath): number {
  return Number.parseInt(hash('sha256', name, 'hex').slice(0, 13), 16);
}
