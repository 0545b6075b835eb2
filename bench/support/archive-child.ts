/** Does the product's part of the archive benchmark in a process of its own, whose memory is then that of a worker. */
import { join } from 'node:path';
import { openBed, restore, SERVICE, verify } from '#test/archive/bed.ts';
import { ageKey } from '#test/archive/keys.ts';

export type Operation = 'discard' | 'capture' | 'seal' | 'verify' | 'restore';

/** The answer to an operation: how long it took, and the most memory that this process has had so far. */
export interface Done {
  seconds: number;
  peakBytes: number;
}

const SET = 'set-bench';
const COMPRESSION = { algorithm: 'zstd', level: 3 };

await using bed = await openBed();
const source = join(bed.folder, 'tree');
const staged = bed.staged(SET);
const encryption = process.argv[2] === 'encrypted' ? await encryptedFor(bed.folder) : undefined;
const encrypted = encryption === undefined ? {} : { encryption };

const work: Record<Operation, () => Promise<unknown>> = {
  capture: async () =>
    await bed.archive('capture', {
      set: SET,
      service: SERVICE,
      run: 'bench',
      sources: [{ path: source }],
      compression: COMPRESSION,
      ...encrypted,
    }),
  discard: async () => await bed.archive('discard', { set: SET, service: SERVICE }),
  seal: async () => await bed.archive('seal', { set: SET, service: SERVICE, ...encrypted }),
  verify: async () => await verify(bed, staged, encryption),
  restore: async () => await restore(bed, staged, { to: join(bed.folder, 'to'), ...encrypted }),
};

process.send?.({ folder: bed.folder, key: encryption?.file });
const { promise: ended, resolve: end } = Promise.withResolvers<void>();
process.on('message', (operation: Operation) => void perform(operation));
process.on('disconnect', end);
await ended;

async function encryptedFor(folder: string) {
  const { recipient, identity, file } = await ageKey(folder);
  return { recipients: [recipient], identity, file };
}

async function perform(operation: Operation): Promise<void> {
  const started = performance.now();
  await work[operation]();
  const seconds = (performance.now() - started) / 1000;
  const done: Done = { seconds, peakBytes: process.resourceUsage().maxRSS * 1024 };
  process.send?.(done);
}
