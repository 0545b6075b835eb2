/** One remembered value under a name, such as the place up to which something was read. */
import { z } from 'zod';
import type { Database } from '#store/database.ts';

export interface Place {
  read(): string | undefined;
  write(value: string): void;
}

const Row = z.object({ value: z.string() });

export function placeNamed(db: Database, name: string): Place {
  return {
    read() {
      const row = db.sql('SELECT value FROM meta WHERE key = ?').get(name);
      return row === undefined ? undefined : Row.parse(row).value;
    },
    write: (value) =>
      void db
        .sql('INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2')
        .run(name, value),
  };
}
