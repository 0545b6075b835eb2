/** Capture, verify and restore of one large tree, beside plain pipelines of tar and zstd, and beside restic. */
import { execFileSync, fork } from 'node:child_process';
import { on, once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metric } from '#bench/metric.ts';
import { median } from '#bench/metric.ts';
import type { Done, Operation } from '#bench/support/archive-child.ts';
import { generateTree } from '#bench/support/tree.ts';
import { hasTool } from '#test/support/needs.ts';

/** Runs are interleaved, so that what else the machine does meets all of them alike. */
const ROUNDS = 3;

/** What a worker may take, whatever the size of the source. */
const MEMORY_LIMIT_MB = 200;

type Work = () => Promise<unknown>;

/** One kind of work: ours, and what it is measured against. */
interface Contest {
  operation: Operation;
  others: { name: string; work: Work }[];
}

export async function benchArchive({
  sizeBytes,
  encrypted,
}: {
  sizeBytes: number;
  encrypted: boolean;
}): Promise<Metric[]> {
  await using worker = await startWorker(encrypted);
  const bytes = generateTree(join(worker.folder, 'tree'), sizeBytes).bytes;
  const metrics: Metric[] = [];
  for (const contest of contestsIn(worker)) {
    // Sealing is verifying and writing the index besides; it is needed once before the others.
    if (contest.operation === 'verify') await worker.perform('seal');
    metrics.push(...(await hold(contest, worker, bytes)));
  }
  const peak = worker.peakBytes() / 1e6;
  const limit = MEMORY_LIMIT_MB;
  metrics.push({ name: 'memory at most', value: peak, unit: 'MB', baseline: limit, ratio: limit / peak });
  return metrics;
}

async function hold({ operation, others }: Contest, worker: BenchWorker, bytes: number): Promise<Metric[]> {
  const times = new Map<string, number[]>();
  const note = (name: string, seconds: number) => times.set(name, [...(times.get(name) ?? []), seconds]);
  for (let round = 0; round < ROUNDS; round++) {
    if (operation === 'capture') await worker.perform('discard');
    await settle(worker.folder);
    note(operation, await worker.perform(operation));
    for (const { name, work } of others) {
      await settle(worker.folder);
      const started = performance.now();
      await work();
      note(name, (performance.now() - started) / 1000);
    }
  }
  const rate = (name: string) => bytes / 1e6 / median(times.get(name) ?? []);
  return others.map(({ name }) => ({
    name: `${operation}, beside ${name}`,
    value: rate(operation),
    unit: 'MB/s',
    baseline: rate(name),
    ratio: rate(operation) / rate(name),
  }));
}

/** What one run leaves to write must not slow the next one down. */
async function settle(folder: string): Promise<void> {
  await rm(join(folder, 'to'), { recursive: true, force: true });
  await rm(join(folder, 'piped.tar.zst'), { force: true });
  execFileSync('sync');
}

/** What ours is held against does the same: it encrypts and decrypts where ours does. */
function contestsIn({ folder, key }: Pick<BenchWorker, 'folder' | 'key'>): Contest[] {
  const lock = key === undefined ? '' : ` | age -e -i ${key}`;
  const unlock = key === undefined ? '' : `age -d -i ${key} ${join(folder, 'packed.tar.zst')} | `;
  const to = join(folder, 'to');
  const packed = join(folder, 'packed.tar.zst');
  const pack = `tar -C ${folder} -cf - tree | zstd -q -3 -T0${lock}`;
  execFileSync('sh', ['-c', `${pack} > ${packed}`]);
  const unpack = {
    name: `${key === undefined ? '' : 'age -d | '}zstd -d | tar -x`,
    work: shell(
      `mkdir -p ${to} && ${unlock === '' ? `zstd -dcq ${packed}` : `${unlock}zstd -dcq`} | tar -C ${to} -xf -`,
    ),
  };
  const restic = resticOf(folder);
  return [
    {
      operation: 'capture',
      others: [
        {
          name: `tar | zstd -3 -T0${key === undefined ? '' : ' | age'}`,
          work: shell(`${pack} > ${join(folder, 'piped.tar.zst')}`),
        },
        ...restic('backup', ['backup', '--quiet', join(folder, 'tree')]),
      ],
    },
    { operation: 'verify', others: [unpack, ...restic('check', ['check', '--quiet', '--read-data'])] },
    { operation: 'restore', others: [unpack, ...restic('restore', ['restore', '--quiet', 'latest', '--target', to])] },
  ];
}

function shell(command: string): Work {
  return async () => execFileSync('sh', ['-c', command]);
}

/** Nothing where restic is not installed. Each backup goes into a new repository: ours finds nothing to skip either. */
function resticOf(folder: string): (name: string, words: string[]) => Contest['others'] {
  if (!hasTool('restic')) return () => [];
  const repository = join(folder, 'restic');
  const env = {
    ...process.env,
    RESTIC_REPOSITORY: repository,
    RESTIC_PASSWORD: 'bench',
    RESTIC_CACHE_DIR: `${repository}-cache`,
  };
  const run = (words: string[]) => execFileSync('restic', words, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  return (name, words) => [
    {
      name: `restic ${name}`,
      work: async () => {
        if (name === 'backup') {
          await rm(repository, { recursive: true, force: true });
          await mkdir(repository);
          run(['init', '--quiet']);
        }
        run(words);
      },
    },
  ];
}

interface BenchWorker extends AsyncDisposable {
  folder: string;
  /** The identity that opens what it encrypts; undefined when it does not. */
  key: string | undefined;
  /** @returns seconds */
  perform(operation: Operation): Promise<number>;
  peakBytes(): number;
}

async function startWorker(encrypted: boolean): Promise<BenchWorker> {
  const child = fork(join(import.meta.dirname, 'support/archive-child.ts'), encrypted ? ['encrypted'] : [], {
    // As workers are started: without these, Node takes memory for speed that this work does not gain.
    execArgv: ['--max-semi-space-size=1', '--max-old-space-size=512'],
    env: { ...process.env, MALLOC_ARENA_MAX: '1' },
  });
  const messages = on(child, 'message', { close: ['exit'] });
  const answer = async (): Promise<unknown> => {
    const next = await messages.next();
    if (next.done === true) throw new Error('the worker of the benchmark ended');
    return (next.value as unknown[])[0];
  };
  const { folder, key } = (await answer()) as Pick<BenchWorker, 'folder' | 'key'>;
  let peak = 0;
  return {
    folder,
    key,
    async perform(operation) {
      child.send(operation);
      const { seconds, peakBytes } = (await answer()) as Done;
      peak = Math.max(peak, peakBytes);
      return seconds;
    },
    peakBytes: () => peak,
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}
