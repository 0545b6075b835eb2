/** Which versions were told of: written with the messages that tell. */
import { z } from 'zod';
import type { Database } from '#store/database.ts';
import { placeNamed } from '#store/place.ts';

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

export function createVersionNews(db: Database): VersionNews {
  const place = placeNamed(db, 'versions');
  return {
    known() {
      const text = place.read();
      return text === undefined ? undefined : News.parse(JSON.parse(text));
    },
    save(news, tell) {
      db.atomically(() => {
        place.write(JSON.stringify(news));
        tell();
      });
    },
  };
}
