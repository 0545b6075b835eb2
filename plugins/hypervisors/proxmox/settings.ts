/** The settings of a guest, of one that is and of one in an archive: its disks, and what a token cannot bring back. */
import { parseSize } from '#kernel/size.ts';
import { Text } from './answers.ts';
import { type Pve, read } from './api.ts';
import type { GuestType } from './guests.ts';

export type Settings = Readonly<Record<string, unknown>>;

export interface Disk {
  /** `rootfs`, `mp0`, `scsi0` … */
  key: string;
  storage: string;
  /** Null when the settings do not tell. */
  bytes: number | null;
  /** What else was set for it: `mp=/media`. */
  options: string[];
  /** Whether a backup of the guest holds it. */
  backedUp: boolean;
}

/** A directory or a disk of the node itself: it has no place on a storage. */
export interface NodePath {
  key: string;
  path: string;
}

const DISK = { lxc: /^(?:rootfs|mp\d+)$/, qemu: /^(?:(?:scsi|virtio|sata|ide)\d+|efidisk0|tpmstate0)$/ } as const;
const LINE = /^([A-Za-z][\w.-]*): *(.*)$/;

/** Asks for those that an archive holds. @throws AutopilotError HA_REMOTE_REFUSED without VM.Backup on the guest. */
export async function settingsInArchive(pve: Pve, node: string, volume: string): Promise<Settings> {
  const text = await read(pve, Text, { path: ['nodes', node, 'vzdump', 'extractconfig'], params: { volume } });
  // What follows a line in brackets is of a snapshot, or not in force yet.
  const [own = ''] = text.split(/^\[.*$/m);
  const pairs = own.split('\n').map((line) => LINE.exec(line));
  return Object.fromEntries(pairs.flatMap((pair) => (pair === null ? [] : [[pair[1], pair[2]?.trim()]])));
}

export function disksIn(type: GuestType, settings: Settings): { disks: Disk[]; ofNode: NodePath[] } {
  const disks: Disk[] = [];
  const ofNode: NodePath[] = [];
  for (const [key, value] of Object.entries(settings)) {
    if (!DISK[type].test(key)) continue;
    const [volume = '', ...all] = String(value)
      .replace(/^(?:volume|file)=/, '')
      .split(',');
    if (all.includes('media=cdrom') || volume === 'none') continue;
    if (volume.startsWith('/')) ofNode.push({ key, path: volume });
    else disks.push({ key, storage: volume.split(':')[0] ?? '', ...sizeOf(all), backedUp: isBackedUp(type, key, all) });
  }
  return { disks, ofNode };
}

function sizeOf(all: readonly string[]): Pick<Disk, 'bytes' | 'options'> {
  const size = all.find((one) => one.startsWith('size='));
  const bytes = parseSize(size?.slice('size='.length) ?? '') ?? null;
  return { bytes, options: all.filter((one) => one !== size) };
}

/** Of a container only what is said to be; of a machine all but what is said not to be. */
function isBackedUp(type: GuestType, key: string, options: readonly string[]): boolean {
  const said = options.find((one) => one.startsWith('backup='))?.slice('backup='.length);
  return type === 'qemu' ? said !== '0' : key === 'rootfs' || said === '1';
}

/** Bridges that it is connected to, as the right to use one is named: `vmbr0`, `vmbr0/20`. */
export function bridgesIn(settings: Settings): string[] {
  const nets = Object.entries(settings).filter(([key]) => /^net\d+$/.test(key));
  const bridges = nets.flatMap(([, value]) => {
    const bridge = /(?:^|,)bridge=([^,]+)/.exec(String(value))?.[1];
    const tag = /(?:^|,)tag=(\d+)/.exec(String(value))?.[1];
    return bridge === undefined ? [] : [tag === undefined ? bridge : `${bridge}/${tag}`];
  });
  return [...new Set(bridges)];
}

/** Why a guest would not be again as the archive has it; empty when it would. @param present null: there is none now. */
export function obstacles(type: GuestType, archived: Settings, present: Settings | null): string[] {
  return [...beyondToken(type, archived), ...(present === null ? [] : leftOut(type, present))];
}

/** A token is never root@pam, not even one of that user. */
function beyondToken(type: GuestType, archived: Settings): string[] {
  const { ofNode } = disksIn(type, archived);
  const mounts = ofNode.map(({ key, path }) => `${key} is ${path} of the node itself`);
  const raw = Object.keys(archived).filter((key) => key.startsWith('lxc.'));
  const devices = Object.entries(archived)
    .filter(([key, value]) => isPassedThrough(key) && !/(?:^|,)mapping=/.test(String(value)))
    .map(([key]) => `${key} is a device of the node`);
  const all = [...mounts, ...(raw.length === 0 ? [] : [`it has raw settings (${raw.join(', ')})`])];
  return [...all, ...(type === 'qemu' ? devices : [])].map((one) => `${one}, which only root@pam may bring back`);
}

function isPassedThrough(key: string): boolean {
  return /^(?:hostpci|usb)\d+$/.test(key);
}

/** Disks that it has now and that no backup holds. */
function leftOut(type: GuestType, present: Settings): string[] {
  const lost = type === 'lxc' ? 'would be erased' : 'would be detached';
  const disks = disksIn(type, present).disks.filter(({ backedUp }) => !backedUp);
  const unused = type === 'lxc' ? Object.keys(present).filter((key) => /^unused\d+$/.test(key)) : [];
  return [
    ...disks.map(({ key, storage }) => `${key} (on ${storage}) is left out of backups, and ${lost}`),
    ...unused.map((key) => `${key} is a disk that is not in use, and ${lost}`),
  ];
}

/** What a copy must not have while the original is there, and cannot be rid of; empty when it may be started. */
export function notForCopies(type: GuestType, archived: Settings): string[] {
  const shared = type === 'lxc' ? /^hookscript$/ : /^(?:hookscript|args|ivshmem|(?:hostpci|virtiofs|parallel)\d+)$/;
  const { ofNode } = disksIn(type, archived);
  const found = Object.entries(archived).filter(([key, value]) => {
    if (shared.test(key)) return true;
    return type === 'qemu' && (/^usb\d+$/.test(key) ? !String(value).startsWith('spice') : isSerialDevice(key, value));
  });
  return [...found.map(([key]) => key), ...(type === 'qemu' ? ofNode.map(({ key }) => key) : [])];
}

function isSerialDevice(key: string, value: unknown): boolean {
  return /^serial\d+$/.test(key) && value !== 'socket';
}
