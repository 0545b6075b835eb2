/** The ledger of the schedules read from the state file, beside a controller that may be writing. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '#app/settings.ts';
import { readDatabase } from '#store/database.ts';
import type { LedgerLog } from '#store/ledger.ts';
import { createLedgerLog } from '#store/ledger.ts';

/** Null when this machine has no state file. The caller disposes of it. */
export function openLedgerLog({ config }: Settings): (LedgerLog & Disposable) | null {
  const file = join(config.global.stateDir, 'state.db');
  if (!existsSync(file)) return null;
  const db = readDatabase(file);
  return { ...createLedgerLog(db), [Symbol.dispose]: () => db[Symbol.dispose]() };
}
