/** `npm run bench -- archive|cancel|check-updates|engine|footprint|monitor [--json]`: figures beside a baseline measured in the same run. */
import { parseArgs } from 'node:util';
import type { Metric } from '#bench/metric.ts';

const BENCHES: Record<string, () => Promise<Metric[]>> = {
  archive: async () => (await import('#bench/archive.ts')).benchArchive({ sizeBytes: sizeWanted() }),
  cancel: async () => (await import('#bench/cancel.ts')).benchCancel(),
  'check-updates': async () => (await import('#bench/check-updates.ts')).benchCheckUpdates(),
  engine: async () => (await import('#bench/engine.ts')).benchEngine(),
  monitor: async () => (await import('#bench/monitor.ts')).benchMonitor(),
  footprint: async () => (await import('#bench/footprint.ts')).benchFootprint(),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, size: { type: 'string', default: '1073741824' } },
});

const [name = ''] = positionals;
const bench = BENCHES[name];
if (bench === undefined) {
  console.error(`which bench? one of: ${Object.keys(BENCHES).join(', ')}`);
  process.exit(2);
}
const metrics = await bench();
if (values.json) console.log(JSON.stringify({ bench: name, metrics }));
else print(metrics);

function sizeWanted(): number {
  const size = Number(values.size);
  if (Number.isSafeInteger(size) && size > 0) return size;
  console.error(`--size: "${values.size}" is not a number of bytes`);
  process.exit(2);
}

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
