/** Sealing is done again after it was cut short anywhere. */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openBed, SERVICE, verify, writeTree } from '#test/archive/bed.ts';

test('a seal that was killed when all was written, before the set had its name, is completed by the next one', async () => {
  await using bed = await openBed();
  const path = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one', 'dir/b.txt': 'two' });
  const set = { set: 'set-one', service: SERVICE };
  await bed.archive('capture', {
    ...set,
    run: 'run1',
    sources: [{ path, exclude: [] }],
    compression: { algorithm: 'zstd', level: 1 },
  });
  await bed.archive('seal', set);
  await rename(bed.staged('set-one'), `${bed.staged('set-one')}.partial`);

  await bed.archive('seal', set);

  expect(await verify(bed, bed.staged('set-one'))).toMatchObject({ ok: true });
});
