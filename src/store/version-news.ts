/** Which versions were told of: written with the messages that tell. */
import { z } from 'zod';
import type { Database } from '#store/database.ts';

const News = z.object({
  /** When it was looked for the last time (milliseconds). */
  lookedAt: z.number(),
  /** Service → its versions, as they were told. */
  told: z.record(z.string(), z.array(z.string())),
});
export type News = z.output<typeof News>;

export interface VersionNews {
  known(): News | undefined;
  /** @param tell puts messages into the outbox, in the same transaction. */
  save(news: News, tell: () => void): void;
}

const PLACE = 'versions';
const Row = z.object({ value: z.string().transform((text) => News.parse(JSON.parse(text))) });

export function createVersionNews(db: Database): VersionNews {
  return {
    known() {
      const row = db.sql('SELECT value FROM meta WHERE key = ?').get(PLACE);
      return row === undefined ? undefined : Row.parse(row).value;
    },
    save(news, tell) {
      db.atomically(() => {
        db.sql('INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2').run(
          PLACE,
          JSON.stringify(news),
        );
        tell();
      });
    },
  };
}
