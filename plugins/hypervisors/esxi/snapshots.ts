/** Snapshots of a guest: made, gone back to and removed by their handles, none but ours. */
import { AutopilotError } from '#kernel/errors.ts';
import { runOfNote, snapshotNote } from '#sdk/guests.ts';
import type { Snapshot } from '#sdk/kinds/hypervisor.ts';
import { failure, findMachine } from './guests.ts';
import { type Disk, type Machine, type Platform, RIGHTS, type Shot } from './platform.ts';
import { bring } from './power.ts';

export interface Ours {
  label: string;
  run: string;
}

type StateAfter = 'running' | 'stopped' | 'asBefore';

/** Stands behind the note of a snapshot of ours that holds the memory. */
const MEMORY = ' memory';

export async function listSnapshots(platform: Platform, id: string): Promise<Snapshot[]> {
  const machine = await findMachine(platform, id);
  const disks = await platform.disks(machine);
  const shots = await platform.shots(machine);
  return shots
    .map((shot) => told(shot, leftOutOf(disks)))
    .toSorted((a, b) => (a.createdAt ?? '').localeCompare(b.createdAt ?? ''));
}

export async function canSnapshot(platform: Platform, id: string) {
  const machine = await findMachine(platform, id);
  const no = (summary: string) => ({ possible: false, summary, covers: [], outage: false });
  const { lock, state, name } = machine;
  if (lock !== null)
    return no(`the guest ${name} is held (${lock}); wait for that to end, or answer it in the web client`);
  if (state === 'unknown') return no(`the guest ${name} is in no known state: its host or its files may be away`);
  const missing = await platform.missing(machine, [...new Set(Object.values(RIGHTS))]);
  if (missing.length > 0)
    return no(`the right ${missing.join(' and ')} is missing on the guest ${name}; give the user a role that has it`);
  const disks = await platform.disks(machine);
  const [obstacle] = [...(await platform.obstacles(machine)), ...obstaclesOf(disks)];
  if (obstacle !== undefined) return no(`the guest ${name} ${obstacle}`);
  const leavesOut = leftOutOf(disks);
  const summary = ['its disks and its configuration', ...leavesOut.map((one) => `without ${one}`)].join('; ');
  return { possible: true, summary, covers: ['disk' as const, 'configuration' as const], leavesOut, outage: false };
}

export async function makeSnapshot(platform: Platform, id: string, wish: Ours & { memory: boolean }) {
  const machine = await findMachine(platform, id);
  await platform.settled(machine);
  const disks = await platform.disks(machine);
  const there = await ours(platform, machine, wish);
  if (there !== undefined) return { snapshot: told(there, leftOutOf(disks)), summary: `${wish.label} was there` };
  const memory = wish.memory && machine.state === 'running';
  const end = await platform.change(machine, {
    kind: 'snapshot',
    name: wish.label,
    description: `${snapshotNote(wish)}${memory ? MEMORY : ''}`,
    memory,
  });
  // What is there counts, whatever was answered.
  const made = await ours(platform, machine, wish);
  if (made === undefined) throw failure(platform, end, `snapshot the guest ${machine.name}`);
  return { snapshot: told(made, leftOutOf(disks)), summary: `${wish.label} was made` };
}

export async function restoreSnapshot(
  platform: Platform,
  id: string,
  wish: Ours & { state: StateAfter },
): Promise<string> {
  const machine = await findMachine(platform, id);
  await platform.settled(machine);
  const shot = await ours(platform, machine, wish);
  if (shot === undefined) {
    throw new AutopilotError(
      'HA_NOT_FOUND',
      `${platform.tools.name}: the guest ${machine.name} has no snapshot ${wish.label}`,
    );
  }
  const before = machine.state === 'stopped' ? 'stopped' : 'running';
  const state = wish.state === 'asBefore' ? before : wish.state;
  const end = await platform.change(machine, { kind: 'revert', snapshot: shot.ref });
  // Nothing about the guest shows that it went back: the end of the task alone does. A second time does no harm.
  if (end.kind !== 'done') throw failure(platform, end, `bring the guest ${machine.name} back to ${wish.label}`);
  await bring(platform, machine, { state, graceMs: 0, force: true });
  return `the guest ${machine.name} is back at ${wish.label}, and ${state}`;
}

export async function deleteSnapshot(platform: Platform, id: string, wish: Ours): Promise<boolean> {
  const machine = await findMachine(platform, id);
  await platform.settled(machine);
  const mine = async () => (await platform.shots(machine)).filter((shot) => isOurs(shot, wish));
  const all = await mine();
  for (const { ref } of all) {
    const end = await platform.change(machine, { kind: 'remove', snapshot: ref });
    if (!(await mine()).some((left) => left.ref === ref)) continue;
    throw failure(platform, end, `remove the snapshot ${wish.label} of the guest ${machine.name}`);
  }
  return all.length > 0;
}

/** @throws AutopilotError HA_CONFLICT when somebody else's has this name: names are not unique here, so it may be one of several. */
async function ours(platform: Platform, machine: Machine, wish: Ours): Promise<Shot | undefined> {
  const named = (await platform.shots(machine)).filter(({ name }) => name === wish.label);
  const mine = named.filter((shot) => isOurs(shot, wish));
  if (mine.length === named.length) return mine[0];
  const whose = `${platform.tools.name}: the snapshot ${wish.label} of the guest ${machine.name} was not made by this run`;
  throw new AutopilotError('HA_CONFLICT', whose, { next: 'rename or remove it yourself if it is not needed' });
}

function isOurs({ name, description }: Shot, { label, run }: Ours): boolean {
  return name === label && runOfNote(description, label) === run;
}

function told({ name, description, createdAt, poweredOn }: Shot, leavesOut: string[]): Snapshot {
  const run = runOfNote(description, name);
  const memory = run === null ? poweredOn : description.endsWith(MEMORY);
  return {
    label: name,
    createdAt,
    run,
    covers: memory ? ['disk', 'memory', 'configuration'] : ['disk', 'configuration'],
    leavesOut,
    // vSphere lists a snapshot when it is there as a whole.
    complete: true,
  };
}

function obstaclesOf(disks: readonly Disk[]): string[] {
  const raw = disks
    .filter((disk) => disk.raw)
    .map(({ label }) => `has a raw device that no snapshot holds (${label}); take it out, or use its virtual mode`);
  const kept = disks.filter((disk) => !isIndependent(disk.mode));
  const none = kept.length === 0 ? ['has no disk that a snapshot could hold: give it one that is not independent'] : [];
  return [...raw, ...none];
}

function leftOutOf(disks: readonly Disk[]): string[] {
  return disks.filter(({ mode }) => isIndependent(mode)).map(({ label }) => `${label} (independent)`);
}

function isIndependent(mode: string): boolean {
  return mode.startsWith('independent');
}
