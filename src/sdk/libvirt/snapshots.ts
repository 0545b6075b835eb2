/** Snapshots of a domain, inside of its disks: when they are possible, and making, going back to and removing them. */
import { AutopilotError } from '#kernel/errors.ts';
import { runOfNote, snapshotNote } from '#sdk/guests.ts';
import type { Snapshot } from '#sdk/kinds/hypervisor.ts';
import { find, idOf, start, stateOf, switchOff } from '#sdk/libvirt/domain.ts';
import type { Virsh } from '#sdk/libvirt/virsh.ts';
import { type Domain, readSnapshot, type SnapshotFacts } from '#sdk/libvirt/xml.ts';

interface Name {
  guest: string;
  label: string;
  run: string;
}

export async function canSnapshot(virsh: Virsh, guest: string) {
  const domain = await find(virsh, guest);
  const state = await stateOf(virsh, domain);
  const problem = await obstacle(virsh, domain, state);
  if (problem !== undefined) return { possible: false, summary: problem, covers: [], outage: false };
  const leavesOut = domain.disks.filter(isExcluded).map(({ target }) => `disk ${target.dev}`);
  const memory = state === 'running' || state === 'paused';
  const held = memory ? 'disks and memory' : 'disks';
  const summary = leavesOut.length === 0 ? held : `${held}; without ${leavesOut.join(', ')}`;
  const covers: Snapshot['covers'] = memory ? ['disk', 'memory'] : ['disk'];
  return { possible: true, summary, covers, leavesOut, outage: false };
}

/** Since this version a machine with UEFI can be snapshotted, when its variables are kept in qcow2. */
const UEFI_SINCE = [10, 10];

async function obstacle(virsh: Virsh, domain: Domain, state: string): Promise<string | undefined> {
  const { name, firmware, hostDevices } = domain;
  if (state === 'changing' || state === 'unknown')
    return `${name} is in no state to be snapshotted: see  virsh domstate`;
  const disks = domain.disks.filter((disk) => isWritable(disk) && !isExcluded(disk));
  if (disks.length === 0) return `${name} has no disk that a snapshot could hold`;
  for (const disk of disks) {
    const why = diskObstacle(disk);
    if (why !== undefined) return `disk ${disk.target.dev} of ${name} ${why}`;
  }
  if (hostDevices > 0 && state !== 'stopped') {
    return `${name} uses devices of its host, so its memory cannot be kept; shut it down before`;
  }
  return firmware === null ? undefined : await firmwareObstacle(virsh, name, firmware.nvramFormat);
}

function isWritable({ device, readonly }: Domain['disks'][number]): boolean {
  return (device === 'disk' || device === 'lun') && readonly === undefined;
}

function isExcluded(disk: Domain['disks'][number]): boolean {
  return isWritable(disk) && disk.snapshot === 'no';
}

function diskObstacle({ type, driver, snapshot, shareable, transient }: Domain['disks'][number]): string | undefined {
  if (type === 'network') return 'lies on a network storage, which libvirt does not snapshot';
  if (driver.type !== 'qcow2') return `is ${driver.type}: only qcow2 can be; make one with  qemu-img convert -O qcow2`;
  if (snapshot === 'external') return 'is set to external snapshots, to which libvirt cannot go back';
  if (shareable !== undefined) return 'is shared with other guests';
  return transient === undefined ? undefined : 'is thrown away at each stop';
}

async function firmwareObstacle(virsh: Virsh, name: string, nvramFormat: string): Promise<string | undefined> {
  const [major = 0, minor = 0] = (await versionOf(virsh)).split('.').map(Number);
  const [oldest = 0, since = 0] = UEFI_SINCE;
  const version = `${name} starts from UEFI: libvirt snapshots such a machine from ${UEFI_SINCE.join('.')} on`;
  if (major < oldest || (major === oldest && minor < since)) return `${version}, this is ${major}.${minor}`;
  return nvramFormat === 'qcow2' ? undefined : `${name} keeps its UEFI variables in a raw file; they must be qcow2`;
}

/** Of the daemon, which may be another machine's. */
export async function versionOf(virsh: Virsh): Promise<string> {
  const said = await virsh.run(['version', '--daemon']);
  return /daemon: (\d+(?:\.\d+)+)/i.exec(said)?.[1] ?? /(\d+(?:\.\d+)+)/.exec(said)?.[1] ?? '0.0';
}

export async function listSnapshots(virsh: Virsh, guest: string): Promise<Snapshot[]> {
  const domain = await find(virsh, guest);
  const names = (await virsh.run(['snapshot-list', ...idOf(domain), '--name']))
    .split('\n')
    .filter((name) => name !== '');
  const found = await Promise.all(names.map((name) => lookFor(virsh, domain, name)));
  return found
    .flatMap((facts) => (facts === undefined ? [] : [describe(facts)]))
    .toSorted((a, b) => ((a.createdAt ?? '') < (b.createdAt ?? '') ? -1 : 1));
}

/** A name of somebody else's may look like an option, so it is joined to its own. */
async function lookFor(virsh: Virsh, domain: Domain, name: string): Promise<SnapshotFacts | undefined> {
  const xml = await virsh.look(['snapshot-dumpxml', ...idOf(domain), `--snapshotname=${name}`]);
  return xml === undefined ? undefined : readSnapshot(xml);
}

function describe({ name, description, createdAt, memory, without }: SnapshotFacts): Snapshot {
  const covers: Snapshot['covers'] = memory ? ['disk', 'memory'] : ['disk'];
  const run = runOfNote(description, name);
  // libvirt lists a snapshot when it is there as a whole.
  return { label: name, createdAt, run, covers, leavesOut: without, complete: true };
}

/** @throws AutopilotError HA_CONFLICT when there is one of this name that this run did not make. */
async function ours(virsh: Virsh, domain: Domain, { label, run }: Name): Promise<Snapshot | undefined> {
  const facts = await lookFor(virsh, domain, label);
  if (facts === undefined) return undefined;
  const snapshot = describe(facts);
  if (snapshot.run === run) return snapshot;
  throw new AutopilotError(
    'HA_CONFLICT',
    `${virsh.tools.name}: the snapshot ${label} of ${domain.name} was not made by this run, so it is left alone`,
    { next: `look at it with  virsh snapshot-info ${domain.name} ${label}` },
  );
}

export async function makeSnapshot(virsh: Virsh, name: Name): Promise<{ snapshot: Snapshot; summary: string }> {
  const domain = await find(virsh, name.guest);
  const made = await ours(virsh, domain, name);
  if (made !== undefined) return { snapshot: made, summary: 'it was there' };
  const problem = await obstacle(virsh, domain, await stateOf(virsh, domain));
  if (problem !== undefined) throw new AutopilotError('HA_REMOTE_REFUSED', `${virsh.tools.name}: ${problem}`);
  const what = [`--name=${name.label}`, `--description=${snapshotNote(name)}`, '--atomic'];
  const failure = await tried(() => virsh.run(['snapshot-create-as', ...idOf(domain), ...what]));
  // What is there counts, whatever was answered.
  const snapshot = await ours(virsh, domain, name);
  if (snapshot === undefined) throw failure ?? missing(virsh, domain, name);
  return { snapshot, summary: snapshot.covers.includes('memory') ? 'disks and memory' : 'disks' };
}

export async function restoreSnapshot(
  virsh: Virsh,
  name: Name,
  wanted: 'running' | 'stopped' | 'asBefore',
): Promise<{ summary: string }> {
  const domain = await find(virsh, name.guest);
  const snapshot = await ours(virsh, domain, name);
  if (snapshot === undefined) throw missing(virsh, domain, name);
  const before = await stateOf(virsh, domain);
  const running = wanted === 'asBefore' ? before === 'running' : wanted === 'running';
  // What runs now is given up anyway; from a stopped machine every libvirt goes back.
  await switchOff(virsh, domain);
  await virsh.run([
    'snapshot-revert',
    ...idOf(domain),
    `--snapshotname=${name.label}`,
    ...(running ? ['--running'] : []),
  ]);
  if (running) await start(virsh, domain);
  else await switchOff(virsh, domain);
  return { summary: `${domain.name} is as it was at ${snapshot.createdAt ?? name.label}` };
}

export async function deleteSnapshot(virsh: Virsh, name: Name): Promise<{ removed: boolean }> {
  const domain = await find(virsh, name.guest);
  const facts = await lookFor(virsh, domain, name.label);
  if (facts === undefined || describe(facts).run !== name.run) return { removed: false };
  const failure = await tried(() => virsh.run(['snapshot-delete', ...idOf(domain), `--snapshotname=${name.label}`]));
  if ((await lookFor(virsh, domain, name.label)) !== undefined && failure !== undefined) throw failure;
  return { removed: true };
}

async function tried(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
}

function missing({ tools }: Virsh, { name }: Domain, { label }: Name): AutopilotError {
  return new AutopilotError('HA_NOT_FOUND', `${tools.name}: ${name} has no snapshot ${label}`);
}
