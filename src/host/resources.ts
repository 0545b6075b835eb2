/** How full this machine is: its file systems, its memory, its swap, and what it has to do. */
import type { StatsFs } from 'node:fs';
import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { Resource } from '#monitor/check.ts';
import { unescapeOctal } from '#sdk/mounts.ts';

export interface Reading {
  /** Which file system; null for what there is once. */
  item: string | null;
  value: number;
  detail: string;
}

/** @returns nothing for what this machine does not have. */
export async function readResource(resource: Resource): Promise<Reading[]> {
  switch (resource) {
    case 'disk':
      return perFileSystem(({ bsize, blocks, bfree, bavail }) => {
        const used = blocks - bfree;
        // As `df` counts: what is kept for root is not there for others.
        const value = share(used, used + bavail);
        return { value, detail: `${value} % used, ${size(bavail * bsize)} free` };
      });
    case 'inodes':
      return perFileSystem(({ files, ffree }) => {
        if (files === 0) return undefined;
        const value = share(files - ffree, files);
        return { value, detail: `${value} % of the inodes used` };
      });
    case 'memory': {
      const { MemTotal: total = 0, MemAvailable: free = 0 } = await memory();
      const value = share(total - free, total);
      return total === 0 ? [] : [{ item: null, value, detail: `${value} % used, ${size(free)} available` }];
    }
    case 'swap': {
      const { SwapTotal: total = 0, SwapFree: free = 0 } = await memory();
      const value = share(total - free, total);
      return total === 0 ? [] : [{ item: null, value, detail: `${value} % used, ${size(free)} free` }];
    }
    case 'load': {
      const [, five = '0'] = (await readFile('/proc/loadavg', 'utf8')).split(' ');
      const value = Math.round((Number(five) / availableParallelism()) * 100) / 100;
      return [{ item: null, value, detail: `load ${value} for each core` }];
    }
  }
}

async function perFileSystem(read: (statistics: StatsFs) => Omit<Reading, 'item'> | undefined): Promise<Reading[]> {
  const readings: Reading[] = [];
  for (const mount of localMounts(await readFile('/proc/self/mounts', 'utf8'))) {
    const statistics = await statfs(mount).catch(() => undefined);
    const reading = statistics === undefined ? undefined : read(statistics);
    if (reading !== undefined) readings.push({ item: mount, ...reading });
  }
  return readings;
}

/** Always full by design. */
const READ_ONLY = new Set(['squashfs', 'iso9660', 'udf', 'erofs']);

/** Without a device, and still with room of their own. */
const WITHOUT_DEVICE = new Set(['zfs', 'btrfs', 'bcachefs']);

/** Each local file system once, by its first mount. A network share is not asked: one that is away never answers. */
export function localMounts(table: string): string[] {
  const seen = new Set<string>();
  const found: string[] = [];
  for (const line of table.split('\n')) {
    const [device = '', place = '', type = ''] = line.split(' ');
    const mount = unescapeOctal(place);
    const real = mount === '/' || device.startsWith('/dev/') || WITHOUT_DEVICE.has(type);
    if (!real || READ_ONLY.has(type) || isFile(mount) || seen.has(device)) continue;
    seen.add(device);
    found.push(mount);
  }
  return found;
}

/** Containers have single files of the host's file systems mounted. */
function isFile(mount: string): boolean {
  return /^\/etc\/(?:resolv\.conf|hosts|hostname)$/.test(mount);
}

/** In bytes. */
async function memory(): Promise<Record<string, number>> {
  const lines = (await readFile('/proc/meminfo', 'utf8')).split('\n');
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [, name = '', kib = '0'] = /^(\w+):\s+(\d+) kB/.exec(line) ?? [];
      return name === '' ? [] : [[name, Number(kib) * 1_024]];
    }),
  );
}

/** Rounded up, as `df` does: 90 % means that it is reached. */
function share(used: number, all: number): number {
  return all === 0 ? 0 : Math.ceil((used / all) * 100);
}

function size(bytes: number): string {
  const gib = bytes / 1_024 ** 3;
  return gib >= 10 ? `${Math.round(gib)} GiB` : `${gib.toFixed(1)} GiB`;
}
