/** The failure matrix is no prose: each of its rows names a test that there is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root, sourcesIn } from '#test/support/sources.ts';

const page = readFileSync(join(root, 'docs/failure-matrix.md'), 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| what fails'));

/** Titles may hold a `%s`: it stands for any of the cases. */
function titles(): RegExp[] {
  const texts = sourcesIn(['test'])
    .filter(({ path }) => path.endsWith('.test.ts'))
    .map(({ text }) => text);
  const found = texts.flatMap((text) => [
    ...text.matchAll(/(?:^\s*test\(|\]\)\(|test\.each\([^)]*\)\()\s*(['`"])((?:(?!\1).)+)\1/gm),
  ]);
  // A title that is hardly more than its placeholder would be the title of everything.
  const told = found.filter(([, , title = '']) => title.replaceAll(/%s|\$\w+/g, '').trim().length > 10);
  return told.map(([, , title = '']) => {
    const words = title.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('%s', '.+');
    return new RegExp(`^${words}$`);
  });
}

test.each(rows.map((row) => row.split('|').at(-2)?.trim() ?? ''))('there is a test: %s', (name) => {
  expect(titles().some((title) => title.test(name))).toBe(true);
});

test('every row says what fails, when, what happens and what is seen', () => {
  const thin = rows.filter((row) =>
    row
      .split('|')
      .slice(1, -1)
      .some((cell) => cell.trim() === ''),
  );

  expect(rows.length).toBeGreaterThan(20);
  expect(thin).toEqual([]);
});
