/** Which services we have stopped, written down where the next process finds it after a crash. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { replaceDurably } from '#kernel/durable.ts';
import { AutopilotError, systemCode } from '#kernel/errors.ts';
import type { Tools } from '#sdk/tools.ts';

const Stopped = z.object({
  project: z.string().regex(/^[a-z0-9][a-z0-9_-]*$/),
  /** Compose services that ran before, in the order in which they are stopped. */
  services: z.array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)),
  /** Compose files of the project: containers that tell may be gone when they are needed. */
  files: z.array(z.string().startsWith('/')).default([]),
  /** All that ran: Compose starts it again, in the order of its own dependencies. */
  all: z.boolean().default(false),
});
export type Stopped = z.output<typeof Stopped>;

type Place = Pick<Tools, 'stateDir' | 'name'>;

export async function readStopped(place: Place): Promise<Stopped | undefined> {
  const file = fileOf(place);
  try {
    return Stopped.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    throw new AutopilotError('HA_STATE_UNUSABLE', `${place.name}: cannot read ${file}, which tells what was stopped`, {
      cause,
      next: `see that all of ${place.name} runs, then remove the file`,
    });
  }
}

/** It is on the disk before anything is stopped. */
export async function writeStopped(place: Place, stopped: Stopped): Promise<void> {
  const file = fileOf(place);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await replaceDurably(file, JSON.stringify(stopped));
}

export async function forgetStopped(place: Place): Promise<void> {
  await rm(fileOf(place), { force: true });
}

function fileOf({ stateDir, name }: Place): string {
  return join(stateDir, 'docker-compose', `${encodeURIComponent(name)}.json`);
}
