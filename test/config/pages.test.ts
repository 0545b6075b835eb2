/** The reference page and the examples say what the program takes today, with the plugins that it has. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatIssues } from '#config/issues.ts';
import { checkConfig } from '#config/load.ts';
import { configurationReference } from '#config/reference.ts';
import { loadPlugins } from '#host/plugins.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const { catalog } = await loadPlugins({ builtin: path.join(ROOT, 'plugins') });

describe('the reference page', () => {
  test('is what the schemas say', async () => {
    const page = configurationReference(catalog);

    await expect(page).toMatchFileSnapshot(path.join(ROOT, 'docs/reference/configuration.md'));
  });
});

describe('examples', () => {
  test('all of them are right', async () => {
    const files = (await readdir(path.join(ROOT, 'examples'))).filter((name) => name.endsWith('.yaml'));
    const problems: string[] = [];
    for (const name of files) {
      const { errors } = await checkConfig({ file: path.join(ROOT, 'examples', name), env: {}, cwd: ROOT, catalog });
      problems.push(formatIssues(errors, ROOT));
    }

    expect(files).toEqual(expect.arrayContaining(['homelab.yaml', 'minimal.yaml']));
    expect(problems.join('')).toBe('');
  });

  test('the fuller one uses every section', async () => {
    const text = await readFile(path.join(ROOT, 'examples/homelab.yaml'), 'utf8');

    for (const section of ['global', 'redis', 'hosts', 'destinations', 'notifications', 'backup', 'services']) {
      expect(text).toMatch(new RegExp(`^${section}:`, 'm'));
    }
  });
});
