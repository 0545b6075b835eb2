/** `npm run chaos -- --runs N --seed S [--minutes M] [--gap FROM-TO] [--only FAULT]… [--no-disks] [--json]`: a storm, and what is left after it. */
import { parseArgs } from 'node:util';
import type { ChaosResult } from '#test/chaos/chaos.ts';
import { BAD, chaos, RECOVERY_P99_MS } from '#test/chaos/chaos.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    minutes: { type: 'string', default: '60' },
    gap: { type: 'string', default: '1000-4000' },
    only: { type: 'string', multiple: true },
    disks: { type: 'boolean', default: true },
    json: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
  },
  allowNegative: true,
});

const [from = 1_000, to = 4_000] = values.gap.split('-').map(Number);
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
const result = await chaos({
  signal: stop.signal,
  runs: Number(values.runs),
  seed: Number(values.seed),
  minutes: Number(values.minutes),
  gap: { from, to },
  disks: values.disks,
  ...(values.only === undefined ? {} : { only: values.only }),
  tell: (line) => values.quiet || console.error(line),
});
const bad: string[] = BAD.filter((name) => result[name] !== 0);
if (result.recoveryAloneMs.p99 > RECOVERY_P99_MS) bad.push('recoveryAloneMs.p99');
for (const finding of result.findings.slice(0, 20)) console.error(JSON.stringify(finding, null, 1));
const { findings: _findings, ...figures } = result;
if (values.json) console.log(JSON.stringify(figures));
else print(figures);
if (bad.length > 0) {
  console.error(`not as promised: ${bad.join(', ')}; again with  --seed ${result.seed} --runs ${values.runs}`);
  process.exitCode = 1;
}

function print(figures: Omit<ChaosResult, 'findings'>): void {
  for (const [name, value] of Object.entries(figures)) {
    console.log(`${name.padEnd(16)} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`);
  }
}
