/** Copies of the state file, made daily and before its shape is changed: what is offered when the file is damaged. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** How many are kept: one bad day must not push out the last good one. */
const KEEP = 5;

const DAY_MS = 24 * 3_600_000;

export function copiesFolder(file: string): string {
  return join(dirname(file), 'state-copies');
}

/** Newest first: their names hold the time. */
function copiesOf(file: string): string[] {
  const folder = copiesFolder(file);
  if (!existsSync(folder)) return [];
  const ours = readdirSync(folder).filter(
    (name) => name.startsWith(`${basename(file)}.`) && !name.endsWith('.partial'),
  );
  return ours
    .toSorted()
    .toReversed()
    .map((name) => join(folder, name));
}

/** Writes a whole copy beside the file. A copy that was cut short never has the name of a whole one. */
export function copyState(connection: DatabaseSync, file: string, now: Date): string {
  const folder = copiesFolder(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const copy = join(folder, `${basename(file)}.${now.toISOString().replaceAll(':', '-')}`);
  rmSync(`${copy}.partial`, { force: true });
  connection.prepare('VACUUM INTO ?').run(`${copy}.partial`);
  renameSync(`${copy}.partial`, copy);
  for (const old of copiesOf(file).slice(KEEP)) rmSync(old, { force: true });
  return copy;
}

/** @returns the copy that was made, or null when the newest one is younger than a day. */
export function copyStateDaily(connection: DatabaseSync, file: string, now: Date): string | null {
  const [newest] = copiesOf(file);
  if (newest !== undefined && now.getTime() - timeOf(newest) < DAY_MS) return null;
  return copyState(connection, file, now);
}

/** The newest copy that is whole, with the time at which it was made. */
export function newestGoodCopy(file: string): { path: string; madeAt: string } | null {
  const good = copiesOf(file).find(isWhole);
  return good === undefined ? null : { path: good, madeAt: new Date(timeOf(good)).toISOString() };
}

function timeOf(copy: string): number {
  const [day = '', time = ''] = copy.slice(copy.lastIndexOf('.db.') + '.db.'.length).split('T');
  return Date.parse(`${day}T${time.replaceAll('-', ':')}`);
}

function isWhole(copy: string): boolean {
  try {
    const connection = new DatabaseSync(copy, { readOnly: true });
    try {
      return connection.prepare('PRAGMA quick_check(1)').get()?.['quick_check'] === 'ok';
    } finally {
      connection.close();
    }
  } catch {
    return false;
  }
}
