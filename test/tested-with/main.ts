/** `npm run tested-with -- RESULTS.json…`: writes docs/tested-with.md from vitest's JSON reports. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { root } from '#test/support/sources.ts';
import type { FileResult } from '#test/tested-with/page.ts';
import { testedWith } from '#test/tested-with/page.ts';
import type { System } from '#test/tested-with/systems.ts';
import { SYSTEMS } from '#test/tested-with/systems.ts';

const Report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
});

const reports = process.argv.slice(2);
if (reports.length === 0) {
  console.error(
    'usage: npm run tested-with -- RESULTS.json…    (npx vitest run --reporter=json --outputFile=RESULTS.json)',
  );
  process.exit(2);
}
const files = reports.flatMap(resultsOf);
const tried = SYSTEMS.map((system) => ({ system, version: versionOf(system), files: files.filter(usesIt(system)) }));
writeFileSync(join(root, 'docs/tested-with.md'), testedWith(tried));

function resultsOf(path: string): FileResult[] {
  const { testResults } = Report.parse(JSON.parse(readFileSync(path, 'utf8')));
  return testResults.map(({ name, assertionResults }) => ({
    file: relative(root, name),
    tests: assertionResults.map(({ fullName, status }) => ({ title: fullName.trim(), status })),
  }));
}

function usesIt({ tests }: System): (result: FileResult) => boolean {
  return ({ file }) => tests.some((start) => file.startsWith(start));
}

function versionOf({ name, version }: System): string | null {
  if (version === undefined) return null;
  const [program, ...words] = version.argv;
  const { stdout, stderr } = spawnSync(program, words, { encoding: 'utf8' });
  const [whole, group] = version.pattern.exec(`${stdout}${stderr}`) ?? [];
  const found = group ?? whole;
  if (found === undefined) throw new Error(`${name} does not tell its version: ${version.argv.join(' ')}`);
  return found;
}
