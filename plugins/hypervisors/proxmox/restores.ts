/** A guest is made from a backup again: in place of the one that is there, or anew when it is gone. */
import { AutopilotError } from '#kernel/errors.ts';
import { GuestConfig, Version } from './answers.ts';
import { type Pve, read } from './api.ts';
import { archiveOf, type Kept } from './backups.ts';
import { type At, failure, type GuestType, onGuest, pathOf, presentAt, stateOf, unknownOutcome } from './guests.ts';
import { bring } from './power.ts';
import { refusal } from './refusals.ts';
import { missingOn } from './rights.ts';
import { bridgesIn, type Disk, disksIn, obstacles, type Settings, settingsInArchive } from './settings.ts';
import { asWish } from './snapshots.ts';
import { nodeFor } from './storages.ts';
import { perform, settled } from './tasks.ts';

interface Wish {
  backup: string;
  state: 'running' | 'stopped' | 'asBefore';
}

/** A look only: whether it may be done, and would bring back all. */
export async function canRestoreBackup(pve: Pve, id: string, backup: string) {
  const at = await presentAt(pve, id);
  const kept = await archiveOf(pve, { backup, id, node: at?.node });
  const settings = await settingsInArchive(pve, kept.node, backup);
  const type = at?.type ?? kept.type;
  const problems = [
    ...obstacles(type, settings, at === undefined ? null : await settingsOf(pve, at)),
    ...(await missingRights(pve, { id, type, settings, there: at !== undefined })),
  ];
  if (problems.length > 0)
    return { possible: false, summary: `the guest ${id} cannot be restored: ${problems.join('; ')}` };
  if (at !== undefined) return { possible: true, summary: `the guest ${id} is replaced on ${at.node}` };
  const node = await nodeFor(pve, storagesOf(disksIn(type, settings).disks), kept.node);
  return { possible: true, summary: `the guest ${id} is gone, and is made anew on ${node}` };
}

export function storagesOf(disks: readonly Disk[]): string[] {
  return [...new Set(disks.map(({ storage }) => storage))];
}

async function missingRights(
  pve: Pve,
  { id, type, settings, there }: { id: string; type: GuestType; settings: Settings; there: boolean },
): Promise<string[]> {
  const onGuestItself = [
    there ? 'VM.Backup' : 'VM.Allocate',
    'VM.PowerMgmt',
    ...(type === 'lxc' ? ['VM.Config.Disk'] : []),
  ];
  const wanted = new Map([[`/vms/${id}`, onGuestItself]]);
  for (const storage of storagesOf(disksIn(type, settings).disks))
    wanted.set(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  // A container that is root on the node may only be made anew by who may change the node.
  if (!there && type === 'lxc' && String(settings['unprivileged']) !== '1') wanted.set('/', ['Sys.Modify']);
  const { version } = await read(pve, Version, { path: ['version'] });
  // Before 8 a bridge needs no right, and nobody has this one.
  if (Number.parseInt(version, 10) >= 8) {
    for (const bridge of bridgesIn(settings)) {
      if (bridge.startsWith('vmbr')) wanted.set(`/sdn/zones/localnetwork/${bridge}`, ['SDN.Use']);
    }
  }
  const missing = await Promise.all(
    [...wanted].map(async ([path, rights]) => {
      const lacking = await missingOn(pve, path, rights);
      return lacking.map((right) => `the right ${right} on ${path} is missing`);
    }),
  );
  return missing.flat();
}

export async function restoreBackup(pve: Pve, id: string, wish: Wish): Promise<string> {
  if ((await presentAt(pve, id)) === undefined) return await makeAnew(pve, id, wish);
  return await onGuest(pve, id, async (at) => {
    await settled(pve, at);
    const kept = await archiveOf(pve, { backup: wish.backup, id, node: at.node });
    requireSameType(pve, at, kept);
    const settings = await settingsInArchive(pve, at.node, wish.backup);
    const present = await settingsOf(pve, at);
    requireNoObstacle(pve, id, obstacles(at.type, settings, present));
    const before = asWish(await stateOf(pve, at));
    await bring(pve, at, { state: 'stopped', graceMs: 60_000, force: true });
    const params = { vmid: id, force: 1, ...sourceOf(at.type, wish.backup, disksIn(at.type, settings).disks) };
    const end = await perform(pve, at, { method: 'POST', path: ['nodes', at.node, at.type], params });
    // As with a rollback, only the end of the task tells; doing it once more does no harm.
    if (end.kind !== 'done') {
      const unchanged = (await settingsOf(pve, at))['digest'] === present['digest'];
      if (unchanged) await bring(pve, at, { state: before, graceMs: 60_000, force: true });
      throw await failure(pve, at, { end, doing: `restore the guest ${id} from ${wish.backup}` });
    }
    const state = wish.state === 'asBefore' ? before : wish.state;
    await bring(pve, at, { state, graceMs: 60_000, force: true });
    return `the guest ${id} is as in ${wish.backup}, and ${state}`;
  });
}

/** Of a guest that is gone. One that the token may not see is there all the same, and Proxmox VE refuses this then. */
async function makeAnew(pve: Pve, id: string, { backup, state: wanted }: Wish): Promise<string> {
  const { node: seenBy, type } = await archiveOf(pve, { backup, id, node: undefined });
  const settings = await settingsInArchive(pve, seenBy, backup);
  requireNoObstacle(pve, id, obstacles(type, settings, null));
  const { disks } = disksIn(type, settings);
  const node = await nodeFor(pve, storagesOf(disks), seenBy);
  const at: At = { node, vmid: id, type };
  await settled(pve, at);
  const params = { vmid: id, ...sourceOf(type, backup, disks) };
  const end = await perform(pve, at, { method: 'POST', path: ['nodes', node, type], params });
  const doing = `make the guest ${id} anew from ${backup}`;
  if (end.kind === 'failed') throw refusal(pve.tools, end, doing);
  if (end.kind === 'unknown') throw unknownOutcome(pve, { end, doing });
  const state = wanted === 'stopped' ? 'stopped' : 'running';
  await bring(pve, at, { state, graceMs: 60_000, force: true });
  return `the guest ${id} was made anew as in ${backup}, and is ${state}`;
}

/**
 * A container's disks must be named: without that all of them go to the storage `local`, which takes none on most nodes.
 * @param storage where all of them go. Default: where each was
 */
export function sourceOf(
  type: GuestType,
  backup: string,
  disks: readonly Disk[],
  storage?: string,
): Record<string, string | number> {
  if (type === 'qemu') return { archive: backup, ...(storage === undefined ? {} : { storage }) };
  const named = disks.map((disk): [string, string] => {
    const gib = (disk.bytes ?? 0) / 2 ** 30;
    return [disk.key, [`${storage ?? disk.storage}:${gib}`, ...disk.options].join(',')];
  });
  return { ostemplate: backup, restore: 1, ...Object.fromEntries(named) };
}

export async function settingsOf(pve: Pve, at: At): Promise<Settings> {
  return await read(pve, GuestConfig, { path: [...pathOf(at), 'config'] });
}

function requireNoObstacle({ tools }: Pve, id: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new AutopilotError(
    'HA_REMOTE_REFUSED',
    `${tools.name}: the guest ${id} cannot be restored: ${problems.join('; ')}`,
    {
      next: 'restore it as root@pam in the web interface of Proxmox VE, or have the backups hold what is left out',
    },
  );
}

function requireSameType({ tools }: Pve, { vmid, type }: At, kept: Kept): void {
  if (kept.type === type) return;
  const words = { lxc: 'a container', qemu: 'a virtual machine' };
  throw new AutopilotError(
    'HA_CONFLICT',
    `${tools.name}: the guest ${vmid} is ${words[type]}, and the backup is of ${words[kept.type]}`,
  );
}
