/** A backup that is tried out: made a guest of its own, cut off from every network, seen to start, and removed. */
import { AutopilotError } from '#kernel/errors.ts';
import { formatBytes } from '#kernel/format.ts';
import { pause } from '#kernel/wait.ts';
import { trialNote } from '#sdk/guests.ts';
import { ask, type Pve } from './api.ts';
import { archiveOf, type Kept } from './backups.ts';
import { removeCopy } from './copies.ts';
import { type At, pathOf, presentAt, stateOf, unknownOutcome } from './guests.ts';
import { bring } from './power.ts';
import { refusal } from './refusals.ts';
import { settingsOf, sourceOf, storagesOf } from './restores.ts';
import { type Disk, disksIn, notForCopies, type Settings, settingsInArchive } from './settings.ts';
import { nodeFor, storagePlaces } from './storages.ts';
import { perform } from './tasks.ts';

export interface Copy {
  guest: string;
  /** Its own id. */
  spare: string;
  trial: string;
}

interface Wish extends Copy {
  backup: string;
  storage?: string | undefined;
  pool?: string | undefined;
  maxBytes: number;
  startMs: number;
  stableMs: number;
}

const LOOK_MS = 1_000;

export async function tryBackup(pve: Pve, wish: Wish) {
  const { guest, spare, backup } = wish;
  // What an execution that was cut short has made proves nothing: it goes, and all is done again.
  await removeCopy(pve, wish);
  await requireFree(pve, wish);
  const original = await presentAt(pve, guest);
  const kept = await archiveOf(pve, { backup, id: guest, node: undefined });
  const archived = await settingsInArchive(pve, kept.node, backup);
  requireSeparable(pve, wish, notForCopies(kept.type, archived));
  const disks = disksIn(kept.type, archived).disks.filter(({ backedUp }) => backedUp);
  const storages = wish.storage === undefined ? storagesOf(disks) : [wish.storage];
  const node = await nodeFor(pve, storages, original?.node ?? kept.node);
  await requireRoom(pve, wish, { node, disks });
  const answers = original !== undefined && (await hasAnswer(pve, original));

  const began = performance.now();
  const at: At = { node, vmid: spare, type: kept.type };
  await make(pve, at, { ...wish, disks });
  const restored = performance.now();
  await cutOff(pve, at);
  await bring(pve, at, { state: 'running', graceMs: 0, force: true });
  if (answers) await heard(pve, at, wish.startMs);
  const started = performance.now();
  await goesOn(pve, at, wish.stableMs);
  const how = answers ? 'its agent answered' : `it went on for ${Math.round(wish.stableMs / 1_000)} s`;
  const missing = leftOut(archived, kept, disks);
  const without = ['a network', ...missing].join(', ');
  return {
    createdAt: createdAt(pve, kept),
    restoreMs: Math.round(restored - began),
    startMs: Math.round(started - restored),
    answered: answers,
    leftOut: missing,
    summary: `${spare} was made on ${node} and started, without ${without}: ${how}`,
  };
}

/** @throws AutopilotError HA_CONFLICT when any guest has the id of the copy, seen or not. */
async function requireFree(pve: Pve, { spare, guest }: Copy): Promise<void> {
  const { name } = pve.tools;
  if (spare === guest)
    throw new AutopilotError('HA_CONFLICT', `${name}: ${spare} is the guest itself, and no id for a copy`);
  if ((await presentAt(pve, spare)) !== undefined) {
    throw new AutopilotError('HA_CONFLICT', `${name}: there is a guest ${spare}, and this drill did not make it`, {
      next: 'give backup.drill.guest.spare an id that no guest has; a copy that was left over says so in its notes',
    });
  }
  const reply = await ask(pve, { method: 'GET', path: ['cluster', 'nextid'], params: { vmid: spare } });
  if (reply.kind === 'data') return;
  if (reply.kind === 'lost') throw unknownOutcome(pve, { end: reply, doing: `look whether ${spare} is free` });
  throw new AutopilotError('HA_CONFLICT', `${name}: ${spare} is no id for a copy: ${reply.text}`, {
    next: 'give backup.drill.guest.spare an id that no guest has; the token may not see every guest',
  });
}

function requireSeparable({ tools }: Pve, { guest }: Copy, keys: readonly string[]): void {
  if (keys.length === 0) return;
  const text = `${tools.name}: a copy of the guest ${guest} cannot be started beside it: it shares ${keys.join(', ')} with the node`;
  throw new AutopilotError('HA_REMOTE_REFUSED', text, {
    next: 'leave backup.drill.guest out for this service, and try its backup by hand',
  });
}

/** Room is asked for as the disks are large, not as they are full: a thin pool that runs full harms every guest on it. */
async function requireRoom(
  pve: Pve,
  { guest, maxBytes, storage }: Wish,
  { node, disks }: { node: string; disks: readonly Disk[] },
) {
  const sum = (some: readonly Disk[]) => some.reduce((total, { bytes }) => total + (bytes ?? 0), 0);
  const { name } = pve.tools;
  if (sum(disks) > maxBytes) {
    const sizes = `${formatBytes(sum(disks))}, and a drill of it may take ${formatBytes(maxBytes)}`;
    throw new AutopilotError(
      'HA_NO_SPACE',
      `${name}: the disks of the guest ${guest} have ${sizes}; nothing was made`,
      {
        next: 'raise backup.drill.max_bytes',
      },
    );
  }
  const places = (await storagePlaces(pve)).filter((one) => one.node === node);
  for (const [target, some] of Map.groupBy(disks, (disk) => storage ?? disk.storage)) {
    const free = places.find((one) => one.storage === target)?.freeBytes ?? null;
    if (free === null || sum(some) <= free) continue;
    const sizes = `${formatBytes(free)} free on ${target}, and the copy may take ${formatBytes(sum(some))}`;
    throw new AutopilotError('HA_NO_SPACE', `${name}: there are ${sizes}; nothing was made`, {
      next: 'make room, or name another storage in backup.drill.guest.storage',
    });
  }
}

/** Its note is written with the rest of its settings, last of all: what has it is whole. */
async function make(pve: Pve, at: At, { disks, ...wish }: Wish & { disks: readonly Disk[] }): Promise<void> {
  const params = {
    vmid: wish.spare,
    ...sourceOf(at.type, wish.backup, disks, wish.storage),
    ...(wish.pool === undefined ? {} : { pool: wish.pool }),
    unique: 1,
    description: trialNote(wish),
    // Nothing but this drill starts it, and it can be removed.
    onboot: 0,
    protection: 0,
  };
  const end = await perform(pve, at, { method: 'POST', path: ['nodes', at.node, at.type], params });
  const doing = `make ${wish.spare} from ${wish.backup}`;
  if (end.kind === 'failed') throw refusal(pve.tools, end, doing);
  if (end.kind === 'unknown') throw unknownOutcome(pve, { end, doing });
}

/** Before it starts for the first time. */
async function cutOff(pve: Pve, at: At): Promise<void> {
  const nets = netsIn(await settingsOf(pve, at));
  if (nets.length === 0) return;
  const path = [...pathOf(at), 'config'];
  const reply = await ask(pve, { method: 'PUT', path, params: { delete: nets.join(',') } });
  if (reply.kind === 'refused') throw refusal(pve.tools, reply, `take ${nets.join(' and ')} from the copy ${at.vmid}`);
  const left = netsIn(await settingsOf(pve, at));
  if (left.length === 0) return;
  throw new AutopilotError(
    'HA_REMOTE_REFUSED',
    `${pve.tools.name}: the copy ${at.vmid} still has ${left.join(' and ')}; it was not started`,
  );
}

function netsIn(settings: Settings): string[] {
  return Object.keys(settings).filter((key) => /^net\d+$/.test(key));
}

/** Whether the agent in a machine answers; of a container there is none. */
async function hasAnswer(pve: Pve, at: At): Promise<boolean> {
  if (at.type !== 'qemu') return false;
  return (await ask(pve, { method: 'POST', path: [...pathOf(at), 'agent', 'ping'] })).kind === 'data';
}

/** Waits for the agent of the copy. */
async function heard(pve: Pve, at: At, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await hasAnswer(pve, at))) {
    await requireRunning(pve, at);
    if (Date.now() >= deadline) {
      const text = `the copy ${at.vmid} started, and its agent did not answer within ${Math.round(withinMs / 1_000)} s`;
      throw new AutopilotError('HA_CHECK_FAILED', `${pve.tools.name}: ${text}`);
    }
    await pause(LOOK_MS, pve.tools.signal);
    pve.tools.signal.throwIfAborted();
  }
}

async function goesOn(pve: Pve, at: At, stableMs: number): Promise<void> {
  for (const until = Date.now() + stableMs; Date.now() < until; ) {
    await requireRunning(pve, at);
    await pause(Math.min(LOOK_MS, stableMs), pve.tools.signal);
    pve.tools.signal.throwIfAborted();
  }
  await requireRunning(pve, at);
}

async function requireRunning(pve: Pve, at: At): Promise<void> {
  const state = await stateOf(pve, at);
  if (state === 'running') return;
  throw new AutopilotError('HA_CHECK_FAILED', `${pve.tools.name}: the copy ${at.vmid} started, and is ${state} now`);
}

function createdAt({ tools }: Pve, { archive }: Kept): string {
  if (archive.ctime !== undefined) return new Date(archive.ctime * 1_000).toISOString();
  throw new AutopilotError('HA_BAD_OUTPUT', `${tools.name}: Proxmox VE does not tell when ${archive.volid} was made`);
}

function leftOut(archived: Settings, { type }: Kept, kept: readonly Disk[]): string[] {
  const { disks, ofNode } = disksIn(type, archived);
  const names = new Set(kept.map(({ key }) => key));
  const missing = disks.filter(({ key }) => !names.has(key)).map(({ key, storage }) => `${key} (on ${storage})`);
  return [...missing, ...ofNode.map(({ key, path }) => `${key} (${path})`)];
}
