/** `npm run bench -- NAME`: figures beside a baseline measured in the same run. */
import { Argument } from 'commander';
import type { Metric } from '#bench/metric.ts';
import { atLeast, script } from '#test/support/arguments.ts';

const BENCHES: Record<string, () => Promise<Metric[]>> = {
  archive: async () =>
    (await import('#bench/archive.ts')).benchArchive({ sizeBytes: values.size, encrypted: values.encrypted === true }),
  cancel: async () => (await import('#bench/cancel.ts')).benchCancel(),
  'check-updates': async () => (await import('#bench/check-updates.ts')).benchCheckUpdates(),
  downtime: async () => (await import('#bench/downtime.ts')).benchDowntime({ sizeBytes: values.size }),
  engine: async () => (await import('#bench/engine.ts')).benchEngine(),
  monitor: async () => (await import('#bench/monitor.ts')).benchMonitor(),
  footprint: async () => (await import('#bench/footprint.ts')).benchFootprint(),
};

const program = script('bench', 'Figures beside a baseline that is measured in the same run.')
  .addArgument(new Argument('<bench>', 'what is measured').choices(Object.keys(BENCHES)))
  .option('--json', 'print the figures as JSON')
  .option('--size <bytes>', 'how much the benches archive and downtime work on', atLeast(1), 1 << 30)
  .option('--encrypted', 'archive with sets that are encrypted, beside pipes that encrypt too')
  .parse();
const values = program.opts<{ json?: true; size: number; encrypted?: true }>();

const [name = ''] = program.args;
const metrics = await BENCHES[name]?.();
if (metrics === undefined) throw new Error(`there is no bench ${name}`);
if (values.json === true) console.log(JSON.stringify({ bench: name, metrics }));
else print(metrics);

function print(rows: readonly Metric[]): void {
  const width = Math.max(...rows.map((row) => row.name.length));
  for (const row of rows) {
    const value = `${round(row.value)} ${row.unit}`.padStart(18);
    console.log(
      `${row.name.padEnd(width)} ${value}   baseline ${round(row.baseline)} ${row.unit}   ratio ${round(row.ratio)}`,
    );
  }
  console.log('ratio above 1: better than the baseline');
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
