/** The history read from its file: for when no controller answers, and for what needs none. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '#app/settings.ts';
import { readDatabase } from '#store/database.ts';
import type { History } from '#store/history.ts';
import { createHistory } from '#store/history.ts';

/** Null when this machine has no state file. The caller disposes of it. */
export function openHistory({ config }: Settings): (History & Disposable) | null {
  const file = join(config.global.stateDir, 'state.db');
  if (!existsSync(file)) return null;
  const db = readDatabase(file);
  return { ...createHistory(db), [Symbol.dispose]: () => db[Symbol.dispose]() };
}
