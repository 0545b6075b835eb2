/** What the platform must not have any more when a run has ended. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Containers } from '#test/support/lxc.ts';
import type { FakeProxmox } from '#test/support/proxmox/server.ts';

/** Neither in its lists nor on the disks of the container; and all that was asked of it was as its description has it. */
export async function expectNoSnapshots(proxmox: FakeProxmox, containers: Containers, vmid: number): Promise<void> {
  expect(proxmox.cluster.guests.flatMap(({ snapshots }) => snapshots)).toEqual([]);
  const disks = await readdir(join(containers.path, `${vmid}`));
  expect(disks.filter((name) => name.startsWith('snap'))).toEqual([]);
  expect(proxmox.problems).toEqual([]);
}
