/** `npm run chaos -- --runs N --seed S`: a storm, and what is left after it. */
import { InvalidArgumentError, Option } from 'commander';
import type { ChaosResult } from '#test/chaos/chaos.ts';
import { BAD, chaos, RECOVERY_P99_MS } from '#test/chaos/chaos.ts';
import { FAULT_NAMES } from '#test/chaos/faults.ts';
import { atLeast, script } from '#test/support/arguments.ts';

interface Values {
  runs: number;
  seed: number;
  minutes: number;
  gap: { from: number; to: number };
  only?: string[];
  disks: boolean;
  json?: true;
  quiet?: true;
}

const values = script('chaos', 'A storm of faults over a homelab of real processes, and what is left after it.')
  .option('--runs <n>', 'runs that are asked for', atLeast(1), 200)
  .addOption(
    new Option('--seed <n>', 'which storm it is; the same number makes the same')
      .argParser(atLeast(0))
      .default(Date.now() % 1_000_000, 'by the clock'),
  )
  .option('--minutes <n>', 'how long the storm may last', atLeast(1), 60)
  .addOption(
    new Option('--gap <from-to>', 'between two faults (milliseconds)')
      .argParser(gap)
      .default({ from: 1_000, to: 4_000 }, '1000-4000'),
  )
  .addOption(new Option('--only <fault...>', 'no other faults than these').choices(FAULT_NAMES))
  .option('--no-disks', 'fill no disks')
  .option('--json', 'print the figures as JSON')
  .option('--quiet', 'do not tell of each fault')
  .parse()
  .opts<Values>();

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
const { json, quiet, ...wish } = values;
const result = await chaos({ ...wish, signal: stop.signal, tell: (line) => quiet ?? console.error(line) });
const bad: string[] = BAD.filter((name) => result[name] !== 0);
if (result.recoverySinceLastFaultMs.p99 > RECOVERY_P99_MS) bad.push('recoverySinceLastFaultMs.p99');
for (const finding of result.findings.slice(0, 20)) console.error(JSON.stringify(finding, null, 1));
const { findings: _findings, ...figures } = result;
if (json === true) console.log(JSON.stringify(figures));
else print(figures);
if (bad.length > 0) {
  console.error(`not as promised: ${bad.join(', ')}; again with  --seed ${result.seed} --runs ${values.runs}`);
  process.exitCode = 1;
}

function gap(text: string): Values['gap'] {
  const [, from, to] = /^(\d{1,9})-(\d{1,9})$/.exec(text) ?? [];
  if (to !== undefined && Number(from) <= Number(to)) return { from: Number(from), to: Number(to) };
  throw new InvalidArgumentError('It takes two numbers, the smaller one first: 1000-4000.');
}

function print(figures: Omit<ChaosResult, 'findings'>): void {
  for (const [name, value] of Object.entries(figures)) {
    console.log(`${name.padEnd(24)} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`);
  }
}
