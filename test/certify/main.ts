/** `npm run certify [-- --every N] [--labs N] [--only NAME] [--patience SECONDS] [--dry]` tries all crashes out for docs/crash-certificate.md; `-- --docker N [--seed S]` breaks N updates on a real engine. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { certify, describe } from '#test/certify/certify.ts';
import { certificatePage } from '#test/certify/page.ts';
import { faultyRounds, roundsLine } from '#test/certify/rounds.ts';
import { scenarios } from '#test/certify/scenarios.ts';
import { root } from '#test/support/sources.ts';

const { values } = parseArgs({
  options: {
    every: { type: 'string', default: '1' },
    labs: { type: 'string', default: '4' },
    only: { type: 'string' },
    patience: { type: 'string', default: '60' },
    docker: { type: 'string' },
    seed: { type: 'string', default: '1' },
    dry: { type: 'boolean', default: false },
  },
});

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
const tell = (line: string) => console.error(line);
if (values.docker === undefined) await everyCrash();
else await onDocker(Number(values.docker));

async function everyCrash(): Promise<void> {
  const certificate = await certify({
    signal: stop.signal,
    scenarios: scenarios().filter(({ name }) => values.only === undefined || name === values.only),
    patienceMs: Number(values.patience) * 1_000,
    labs: Number(values.labs),
    every: Number(values.every),
    tell,
  });
  const page = certificatePage(certificate);
  console.log(page);
  if (!values.dry && !stop.signal.aborted) await writeFile(join(root, 'docs', 'crash-certificate.md'), page);
  const wrong = certificate.outcomes.filter(({ problems }) => problems.length > 0);
  for (const outcome of wrong) console.error(`${describe(outcome)}: ${outcome.problems.join('; ')}`);
  if (wrong.length + certificate.leaked.length > 0) process.exitCode = 1;
}

async function onDocker(rounds: number): Promise<void> {
  const setEnv = (name: string, value: string) => void (process.env[name] = value);
  const done = await faultyRounds({ rounds, seed: Number(values.seed), signal: stop.signal, setEnv, tell });
  console.log(roundsLine(done));
  if (done.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
}
