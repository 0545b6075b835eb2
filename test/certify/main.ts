/** `npm run certify [-- --every N] [--labs N] [--only NAME] [--patience SECONDS] [--dry]`: tries all crashes out, and writes docs/crash-certificate.md. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { certify, describe } from '#test/certify/certify.ts';
import { certificatePage } from '#test/certify/page.ts';
import { scenarios } from '#test/certify/scenarios.ts';
import { root } from '#test/support/sources.ts';

const { values } = parseArgs({
  options: {
    every: { type: 'string', default: '1' },
    labs: { type: 'string', default: '4' },
    only: { type: 'string' },
    patience: { type: 'string', default: '60' },
    dry: { type: 'boolean', default: false },
  },
});

const chosen = scenarios().filter(({ name }) => values.only === undefined || name === values.only);
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
const certificate = await certify({
  signal: stop.signal,
  scenarios: chosen,
  patienceMs: Number(values.patience) * 1_000,
  labs: Number(values.labs),
  every: Number(values.every),
  tell: (line) => console.error(line),
});
const page = certificatePage(certificate);
console.log(page);
if (!values.dry && !stop.signal.aborted) await writeFile(join(root, 'docs', 'crash-certificate.md'), page);
const wrong = certificate.outcomes.filter(({ problems }) => problems.length > 0);
for (const outcome of wrong) console.error(`${describe(outcome)}: ${outcome.problems.join('; ')}`);
if (wrong.length + certificate.leaked.length > 0) process.exitCode = 1;
