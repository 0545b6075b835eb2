/** The page of the systems that were tried claims what the tests of today show. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root, sourcesIn } from '#test/support/sources.ts';
import { testedWith } from '#test/tested-with/page.ts';
import { SYSTEMS } from '#test/tested-with/systems.ts';

const page = readFileSync(join(root, 'docs/tested-with.md'), 'utf8');
const testFiles = sourcesIn(['test'])
  .map(({ path }) => path)
  .filter((path) => path.endsWith('.test.ts'));

test.each(SYSTEMS.map(({ name }) => name))('%s is on the page', (name) => {
  expect(page).toMatch(new RegExp(`^\\| ${name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)} \\| `, 'm'));
});

test.each(SYSTEMS.flatMap(({ tests }) => tests))('there are tests in %s', (start) => {
  expect(testFiles.filter((path) => path.startsWith(start))).not.toEqual([]);
});

test('every test file that the page names is there', () => {
  const named = [...page.matchAll(/^`(test\/\S+)`$/gm)].map(([, file = '']) => file);

  expect(named.length).toBeGreaterThan(SYSTEMS.length / 2);
  expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});

test('a plugin of ours that drives a system of its own has that system on the page', () => {
  const exercised = SYSTEMS.flatMap(({ tests }) => tests);
  const plugins = readdirSync(join(root, 'plugins'), { withFileTypes: true }).flatMap(({ name: kind }) =>
    readdirSync(join(root, 'plugins', kind)).map((name) => `test/plugins/${kind}/${name.replace(/\.ts$/, '')}`),
  );
  // These need no program but the system's own: a directory, a program of the user's, any HTTP server.
  const plain = /\/(local|generic|webhook)$/;

  expect(plugins.filter((start) => !plain.test(start) && !exercised.some((known) => known.startsWith(start)))).toEqual(
    [],
  );
});

test('a system without a passed test is refused, not left out', () => {
  const [system] = SYSTEMS;
  if (system === undefined) throw new Error('there are systems');
  const file = { file: 'test/a.test.ts', tests: [{ title: 'works', status: 'skipped' }] };

  expect(() => testedWith([{ system, version: '1.0', files: [file] }])).toThrow(`no test with ${system.name} passed`);
});
