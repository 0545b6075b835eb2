/** A limit on how much is sent in a second. */
import { expect, test } from 'vitest';
import { createPace } from '#sdk/remote/pace.ts';

/** Node warns of a wait that is less than nothing, and the suite takes a warning for a failure. */
test('a piece that takes next to no time is waited for no less than that', async () => {
  const warned: string[] = [];
  const onWarning = ({ name }: Error) => void warned.push(name);
  process.on('warning', onWarning);
  const pace = createPace({ signal: new AbortController().signal }, 1e12);

  for (let piece = 0; piece < 200; piece += 1) await pace(1);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', onWarning);

  expect(warned).toEqual([]);
});
