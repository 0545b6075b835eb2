/** The outbox shares its fate with the end of the run that it tells of. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newId } from '#kernel/ids.ts';
import { openDatabase } from '#store/database.ts';
import { createHistory } from '#store/history.ts';
import { createJournal } from '#store/journal.ts';
import { createOutbox, createOutboxLog } from '#store/outbox.ts';
import { MESSAGE } from '#test/plugins/notifications/channel.ts';
import { planOf, step } from '#test/support/plans.ts';
import { tempDir } from '#test/support/tmp.ts';

async function bed(onFinished: (outbox: ReturnType<typeof createOutbox>) => void) {
  const dir = await tempDir();
  const db = openDatabase(join(dir.path, 'state.db'));
  const now = () => new Date();
  const outbox = createOutbox(db, { now });
  const journal = createJournal(db, { now, onFinished: () => onFinished(outbox) });
  const id = newId();
  journal.accept({
    id,
    plan: planOf(step('one')),
    input: {},
    notBefore: null,
    retryOf: null,
    schedule: null,
    reuse: [],
  });
  return {
    id,
    journal,
    log: createOutboxLog(db),
    status: () => createHistory(db).run(id).status,
    async [Symbol.asyncDispose]() {
      db[Symbol.dispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

const ENDING = { status: 'failed' as const, reason: 'no', next: null };
const put = (outbox: ReturnType<typeof createOutbox>) =>
  outbox.add({ channel: 'mail', status: 'waiting', message: MESSAGE, dueAt: new Date() });

test('the end of a run and the message that tells of it are written together, once', async () => {
  await using at = await bed(put);

  const first = at.journal.finish(at.id, ENDING);
  const second = at.journal.finish(at.id, ENDING);

  expect([first, second]).toEqual([true, false]);
  expect(at.status()).toBe('failed');
  expect(at.log.entries(10)).toHaveLength(1);
});

test('a message that cannot be written leaves the run without an end, so that it is looked at again', async () => {
  await using at = await bed((outbox) => {
    put(outbox);
    throw new Error('disk full');
  });

  expect(() => at.journal.finish(at.id, ENDING)).toThrow('disk full');

  expect(at.status()).toBe('queued');
  expect(at.log.entries(10)).toEqual([]);
});
