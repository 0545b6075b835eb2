/** How much room the array and the pools of an Unraid server have, and how much memory it has. */
import type { z } from 'zod';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import type { Storage } from '#sdk/kinds/hypervisor.ts';
import { read, type Unraid } from './api.ts';
import { MEMORY, ROOM } from './operations.ts';

export async function resources(unraid: Unraid) {
  const [room, memory] = await Promise.all([known(unraid, read(unraid, ROOM)), known(unraid, read(unraid, MEMORY))]);
  const storages: Storage[] = room === undefined ? [] : storagesOf(room.array);
  const { total, available } = memory?.metrics.memory ?? {};
  return { storages, memory: { totalBytes: total ?? null, freeBytes: available ?? null } };
}

/** A version or a key that does not tell one of them still tells the other. */
async function known<T>({ tools }: Unraid, question: Promise<T>): Promise<T | undefined> {
  try {
    return await question;
  } catch (error) {
    if (!(error instanceof AutopilotError) || error.code !== 'HA_REMOTE_REFUSED') throw error;
    tools.log.warn('not all resources are told', { reason: errorText(error) });
    return undefined;
  }
}

type Room = z.output<typeof ROOM.shape>['array'];

function storagesOf({ capacity: { kilobytes }, caches }: Room): Storage[] {
  return [
    storage('array', kilobytes.total, kilobytes.free),
    // Only the first disk of a pool has its file system.
    ...caches
      .filter(({ fsSize }) => (fsSize ?? 0) > 0)
      .map((one) => storage(one.name ?? 'pool', one.fsSize, one.fsFree)),
  ];
}

function storage(name: string, total: number | null | undefined, free: number | null | undefined): Storage {
  return { name, holds: ['disks', 'snapshots'], totalBytes: kibibytes(total), freeBytes: kibibytes(free) };
}

function kibibytes(count: number | null | undefined): number | null {
  return count === null || count === undefined ? null : count * 1024;
}
