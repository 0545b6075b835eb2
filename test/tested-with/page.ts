/** Writes the page that tells which systems were tried, from the results of a test run. */
import type { System } from '#test/tested-with/systems.ts';

/** One test file of vitest's JSON report, its path relative to the repository. */
export interface FileResult {
  file: string;
  tests: readonly { title: string; status: string }[];
}

export interface Tried {
  system: System;
  /** As the system told it; null for a stand-in. */
  version: string | null;
  files: readonly FileResult[];
}

/** @throws Error when a system has no passed test: the page claims nothing that was not shown. */
export function testedWith(tried: readonly Tried[]): string {
  return [
    '# Tested with',
    '',
    'Written by `npm run tested-with` from the results of a test run: what was driven, in which version, and what was shown of',
    'it. A stand-in is a server of the tests’ own, held to what the vendor publishes; it shows less than the real system would.',
    '',
    '| system | version | | tests passed |',
    '|---|---|---|---|',
    ...tried.map(overview),
    '',
    ...tried.flatMap(section),
  ].join('\n');
}

function overview({ system, version, files }: Tried): string {
  const kind = system.heldTo === undefined ? 'real' : `stand-in, held to ${system.heldTo}`;
  return `| ${system.name} | ${version ?? '-'} | ${kind} | ${passed({ system, files }).length} |`;
}

function section({ system, files }: Tried): string[] {
  const shown = files.filter(({ tests }) => tests.some(({ status }) => status === 'passed'));
  return [
    `## ${system.name}`,
    '',
    ...shown.flatMap(({ file, tests }) => [
      `\`${file}\``,
      '',
      ...tests.filter(({ status }) => status === 'passed').map(({ title }) => `- ${title}`),
      '',
    ]),
  ];
}

function passed({ system, files }: Pick<Tried, 'system' | 'files'>): string[] {
  const titles = files.flatMap(({ tests }) =>
    tests.filter(({ status }) => status === 'passed').map(({ title }) => title),
  );
  if (titles.length === 0)
    throw new Error(`no test with ${system.name} passed: run the tests, and look at what was skipped`);
  return titles;
}
