/** What a stranger gets with a clone: links that lead somewhere, scripts that parse, a lock that works anywhere. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseSync } from 'oxc-parser';
import { describe, expect, test } from 'vitest';
import { errorCodes } from '#kernel/errors.ts';
import { allFiles, root } from '#test/support/sources.ts';

const everyFile = allFiles();
const pages = everyFile.filter(({ path }) => path.endsWith('.md'));

describe('the lock file', () => {
  const lock = readJson('package-lock.json');

  test('names no address, so that it works behind any registry', () => {
    expect(JSON.stringify(lock)).not.toContain('"resolved"');
  });

  test('belongs to this package.json', () => {
    const manifest = readJson('package.json');

    expect(lock).toMatchObject({
      packages: { '': { dependencies: manifest['dependencies'], devDependencies: manifest['devDependencies'] } },
    });
  });
});

describe('pages', () => {
  test.each(pages.map(({ path, text }) => ({ path, text })))(
    'every link of $path leads somewhere',
    ({ path, text }) => {
      const broken = linksOf(text).filter((link) => !leadsSomewhere(path, link));

      expect(broken).toEqual([]);
    },
  );

  test.each(pages.map(({ path, text }) => ({ path, text })))(
    'every TypeScript example of $path parses',
    ({ path, text }) => {
      const examples = [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code = '']) => code);
      const errors = examples.flatMap((code) => parseSync(`${path}.ts`, code).errors.map((error) => error.message));

      expect(errors).toEqual([]);
    },
  );

  test('the page on error codes says what the table of codes says', () => {
    const page = readFileSync(join(root, 'docs/reference/errors.md'), 'utf8');
    const rows = [...page.matchAll(/^\| `(HA_\w+)` \|.*\| (yes|no) \| .+ \|$/gm)];
    const documented = rows.map(([, code = '', again]) => [code, again === 'yes' ? 'retry' : 'never'] as const);

    expect(Object.fromEntries(documented)).toEqual(errorCodes);
    expect(documented).toHaveLength(Object.keys(errorCodes).length);
  });
});

describe('scripts', () => {
  const scripts = everyFile.filter(({ text }) => /^#!\/(bin\/sh|bin\/bash|usr\/bin\/env bash)/.test(text));

  test.each(scripts.map(({ path, text }) => ({ path, text })))('$path parses', ({ path, text }) => {
    const shell = text.startsWith('#!/bin/sh') ? 'sh' : 'bash';

    expect(() => execFileSync(shell, ['-n', join(root, path)], { stdio: 'pipe' })).not.toThrow();
  });

  test.each(['setup', 'bin/homelab-autopilot', '.ci/run'])('%s can be executed', (path) => {
    expect(statSync(join(root, path)).mode & 0o111).not.toBe(0);
  });

  test('setup explains its options', () => {
    const help = execFileSync(join(root, 'setup'), ['--help'], { encoding: 'utf8' });

    expect(help).toContain('--check');
    expect(help).toContain('--minimal');
  });
});

describe('the tree', () => {
  test('names no path of one particular machine', () => {
    const machinePath = /(^|[\s'"`(=])\/(work|root|Users\/\w+|home\/[a-z]+)\/[\w.]/m;
    const offenders = everyFile.filter(({ path, text }) => !path.startsWith('LICENSE') && machinePath.test(text));

    expect(offenders.map(({ path }) => path)).toEqual([]);
  });

  test('holds nothing unfinished', () => {
    const marker = /\b(T[O]DO|F[I]XME|X{3})\b/;
    const offenders = everyFile.filter(({ text }) => marker.test(text));

    expect(offenders.map(({ path }) => path)).toEqual([]);
  });
});

function readJson(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}

/** Targets of Markdown links and images outside code. */
function linksOf(page: string): string[] {
  const prose = page.replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, '').replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)].map(([, target = '']) => target);
}

function leadsSomewhere(page: string, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return true; // Another site: not ours to check without a network.
  const [file = '', anchor] = link.split('#');
  const target = join(
    root,
    file.startsWith('/') ? '.' : dirname(page),
    decodeURI(file === '' ? (page.split('/').at(-1) ?? '') : file),
  );
  if (!existsSync(target)) return false;
  return anchor === undefined || !target.endsWith('.md') || anchorsOf(readFileSync(target, 'utf8')).includes(anchor);
}

/** The anchors that a forge makes from headings. */
function anchorsOf(page: string): string[] {
  return [...page.matchAll(/^#+\s+(.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  );
}
