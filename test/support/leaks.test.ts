/** What tests leave behind is named and taken away, so that one run does not spoil the next. */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import watchForLeaks from '#test/support/leaks.ts';
import { mountsBelow, mountTmpfs } from '#test/support/mounts.ts';
import { tempDir } from '#test/support/tmp.ts';

test('a file system that a test left mounted is named, and is mounted no more', async (context) => {
  await using dir = await tempDir();
  // Skips here where nothing can be mounted, before there is anything to leave.
  await (await mountTmpfs(context, join(dir.path, 'attempt'), '64k'))[Symbol.asyncDispose]();
  const finish = await watchForLeaks();
  const directory = tmpdir();
  const point = join(directory, 'left');
  await mountTmpfs(context, point, '64k');

  await expect(finish()).rejects.toThrow(`a mount: ${point}`);

  expect(await mountsBelow(directory)).toEqual([]);
  expect(existsSync(directory)).toBe(false);
});
