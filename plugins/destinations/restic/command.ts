/** Runs a command of restic to its end, however long somebody else has the repository for himself. */
import type { Argv } from '#sdk/tools.ts';
import type { Repository } from './access.ts';
import { unlessLocked } from './lock.ts';
import { type Options, output } from './run.ts';

interface Patience {
  /** Whether whoever has the repository for himself is waited for. Default: yes. */
  patient?: boolean;
}

/** @returns what it printed. */
export async function restic(
  repository: Repository,
  words: Argv,
  { patient = true, ...options }: Options & Patience = {},
): Promise<string> {
  const run = async () => {
    const all: Buffer[] = [];
    for await (const piece of output(repository, words, options)) all.push(piece);
    return Buffer.concat(all).toString();
  };
  return patient ? await unlessLocked(repository, run) : await run();
}
