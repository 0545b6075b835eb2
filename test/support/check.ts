/** `npm run check`: every check that needs no running system, side by side, one line each and what a failing one said. */
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { root } from '#test/support/sources.ts';

interface Check {
  name: string;
  command: readonly [string, ...string[]];
}

/** The slow ones first, so that the short ones fill the gaps. */
const checks: readonly Check[] = [
  { name: 'dead code', command: ['knip', '--no-progress'] },
  { name: 'lint', command: ['oxlint', '--deny-warnings'] },
  { name: 'types', command: ['tsc'] },
  { name: 'layers', command: ['vitest', 'run', 'test/architecture.test.ts'] },
  { name: 'format', command: ['biome', 'check'] },
];

interface Outcome {
  passed: boolean;
  output: string;
  seconds: number;
}

async function perform({ command: [tool, ...words] }: Check): Promise<Outcome> {
  const started = performance.now();
  const program = join(root, 'node_modules/.bin', tool);
  const env = { ...process.env, NO_COLOR: '1' };
  return await new Promise((resolve) => {
    execFile(program, words, { cwd: root, env, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const seconds = (performance.now() - started) / 1000;
      resolve({ passed: error === null, output: `${stdout}${stderr}`.trim() || (error?.message ?? ''), seconds });
    });
  });
}

/** Takes checks from the queue until none is left, and tells each outcome as soon as it is known. */
async function work(queue: Check[], failures: Check[]): Promise<void> {
  for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
    const { passed, output, seconds } = await perform(check);
    console.log(`${passed ? '✔' : '✘'} ${check.name.padEnd(10)} ${seconds.toFixed(1)} s`);
    if (passed) continue;
    failures.push(check);
    console.log(`\n${output.replaceAll(/^/gm, '    ')}\n`);
  }
}

const queue = [...checks];
const failures: Check[] = [];
await Promise.all(Array.from({ length: availableParallelism() }, () => work(queue, failures)));
if (failures.length > 0) {
  console.log(`failed: ${failures.map(({ name }) => name).join(', ')}`);
  process.exitCode = 1;
}
