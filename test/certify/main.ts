/** `npm run certify` tries all crashes out for docs/crash-certificate.md; `-- --docker N` breaks N updates on a real engine. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Option } from 'commander';
import { certify, describe } from '#test/certify/certify.ts';
import { certificatePage, withSections } from '#test/certify/page.ts';
import { faultyRounds, roundsLine } from '#test/certify/rounds.ts';
import { scenarios } from '#test/certify/scenarios.ts';
import { atLeast, script } from '#test/support/arguments.ts';
import { root } from '#test/support/sources.ts';

interface Values {
  every: number;
  labs: number;
  only?: string;
  patience: number;
  docker?: number;
  seed: number;
  dry?: true;
  write?: true;
}

const known = scenarios();
const values = script('certify', 'Kills programs at every instant that a run passes, for docs/crash-certificate.md.')
  .option('--every <n>', 'only every n-th of the kills', atLeast(1), 1)
  .option('--labs <n>', 'homelabs at work side by side', atLeast(1), 4)
  .addOption(
    new Option('--only <workflow>', 'one workflow alone; nothing is written without --write').choices(
      known.map(({ name }) => name),
    ),
  )
  .option('--write', 'with --only: puts its section into the page, and leaves the others')
  .option('--patience <seconds>', 'how long a run may take to end', atLeast(1), 60)
  .option('--docker <rounds>', 'instead: break so many updates on a real engine', atLeast(1))
  .option('--seed <n>', 'which rounds they are; the same number makes the same', atLeast(0), 1)
  .option('--dry', 'print the page and do not write it')
  .parse()
  .opts<Values>();

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
const tell = (line: string) => console.error(line);
if (values.docker === undefined) await everyCrash();
else await onDocker(values.docker);

async function everyCrash(): Promise<void> {
  const certificate = await certify({
    signal: stop.signal,
    scenarios: known.filter(({ name }) => values.only === undefined || name === values.only),
    patienceMs: values.patience * 1_000,
    labs: values.labs,
    every: values.every,
    tell,
  });
  const file = join(root, 'docs', 'crash-certificate.md');
  const apart = values.only !== undefined && values.write === true;
  const page = apart ? withSections(await readFile(file, 'utf8'), certificate) : certificatePage(certificate);
  console.log(page);
  // Half a certificate, or half a section, would take the place of a whole one.
  const whole = !stop.signal.aborted && (apart ? values.every === 1 : values.only === undefined);
  if (whole && values.dry === undefined) await writeFile(file, page);
  const wrong = certificate.outcomes.filter(({ problems }) => problems.length > 0);
  for (const outcome of wrong) console.error(`${describe(outcome)}: ${outcome.problems.join('; ')}`);
  if (wrong.length + certificate.leaked.length > 0) process.exitCode = 1;
}

async function onDocker(rounds: number): Promise<void> {
  const setEnv = (name: string, value: string) => void (process.env[name] = value);
  const done = await faultyRounds({ rounds, seed: values.seed, signal: stop.signal, setEnv, tell });
  console.log(roundsLine(done));
  if (done.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
}
