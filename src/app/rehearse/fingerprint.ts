/** What of a copy's files stays the same while its service runs, so that it must be the same after a way back. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** File → SHA-256 of its content. */
export type Fingerprint = ReadonlyMap<string, string>;

/** A file of ours in every tree: destroyed by what destroys, brought back by what brings back. */
const CANARY = '.homelab-autopilot-canary';

const MOST_FILES = 1_000;
const LARGEST = 64 << 20;

/** Before the service is started, so that it is a file that stays the same. */
export async function plantCanaries(trees: readonly string[], content: string): Promise<void> {
  for (const tree of trees) {
    if ((await lstat(tree)).isDirectory()) await writeFile(join(tree, CANARY), `${content} in ${tree}\n`);
  }
}

/** Of the files that nobody has written to since `before`: what a service writes by itself proves nothing. */
export async function fingerprint(trees: readonly string[], before: Date): Promise<Fingerprint> {
  const found = new Map<string, string>();
  for (const tree of trees) {
    for await (const file of filesOf(tree)) {
      const stats = await lstat(file);
      const settled = stats.mtime < before;
      if (stats.isFile() && settled && stats.size <= LARGEST) found.set(file, await sumOf(file));
      if (found.size >= MOST_FILES) return found;
    }
  }
  return found;
}

/** The files that are not what they were. */
export async function changedSince(wanted: Fingerprint): Promise<string[]> {
  const changed: string[] = [];
  for (const [file, sum] of wanted) {
    const now = await sumOf(file).catch(() => null);
    if (now !== sum) changed.push(file);
  }
  return changed;
}

/** Canaries first, and a few others of different places: what a version that runs wild would destroy. */
export function victimsOf(known: Fingerprint, count: number): string[] {
  const files = [...known.keys()];
  const canaries = files.filter((file) => file.endsWith(CANARY));
  const others = files.filter((file) => !file.endsWith(CANARY));
  const step = Math.max(1, Math.floor(others.length / count));
  return [...canaries, ...others.filter((_, index) => index % step === 0)].slice(0, count);
}

async function* filesOf(tree: string): AsyncGenerator<string, void, undefined> {
  if (!(await lstat(tree)).isDirectory()) {
    yield tree;
    return;
  }
  const waiting = [tree];
  for (let folder = waiting.shift(); folder !== undefined; folder = waiting.shift()) {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) waiting.push(path);
      else if (entry.isFile()) yield path;
    }
  }
}

async function sumOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
