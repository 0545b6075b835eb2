/** The state of the fake cluster: guests whose disks are real directories, snapshots that are real copies, tasks. */
import { execFile } from 'node:child_process';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface FakeSnapshot {
  name: string;
  description: string;
  snaptime: number;
  vmstate?: 0 | 1;
  snapstate?: 'prepare' | 'delete';
}

export interface FakeGuest {
  vmid: number;
  type: 'lxc' | 'qemu';
  node: string;
  name: string;
  status: 'running' | 'stopped';
  lock?: string;
  /** It does not stop when it is asked to. */
  stubborn?: boolean;
  /** Whether its storage can snapshot. */
  hasFeature: boolean;
  snapshots: FakeSnapshot[];
}

export interface FakeArchive {
  volid: string;
  vmid: number;
  ctime: number;
  size: number;
  format: string;
  notes: string;
}

export interface FakeTask {
  upid: string;
  node: string;
  type: string;
  id: string;
  user: string;
  pid: number;
  pstart: number;
  starttime: number;
  exitstatus?: string;
  log: string[];
}

/** What goes wrong next: each is used up by the first request or task that it fits. */
export interface Fault {
  /** Fits `POST /nodes/pve1/lxc/101/snapshot`. */
  on: RegExp;
  what:
    | 'reply lost after the act'
    | 'request lost'
    | '596 after the act'
    | 'unexpected status after the act'
    | 'unexpected status before the act'
    | 'OK without a task'
    | 'storage full'
    | 'moved before the act'
    | 'reason phrase only';
}

/** Directories are the disks; a copy shares its blocks where the file system can do that. */
export class Cluster {
  readonly guests: FakeGuest[] = [];
  readonly archives: FakeArchive[] = [];
  readonly tasks = new Map<string, FakeTask>();
  readonly faults: Fault[] = [];
  readonly root: string;
  #serial = 0;

  constructor(root: string) {
    this.root = root;
  }

  disk(vmid: number): string {
    return join(this.root, `${vmid}`, 'disk');
  }

  async add(guest: Pick<FakeGuest, 'vmid' | 'type' | 'node' | 'name'>): Promise<FakeGuest> {
    await mkdir(this.disk(guest.vmid), { recursive: true });
    const added: FakeGuest = { ...guest, status: 'running', hasFeature: true, snapshots: [] };
    this.guests.push(added);
    return added;
  }

  async snapshot(guest: FakeGuest, one: Omit<FakeSnapshot, 'snaptime'>): Promise<void> {
    if (!guest.hasFeature) throw new Error('snapshot feature is not available');
    if (guest.snapshots.some(({ name }) => name === one.name))
      throw new Error(`snapshot name '${one.name}' already used`);
    await this.#copy(this.disk(guest.vmid), this.#at(guest, `snap-${one.name}`));
    guest.snapshots.push({ ...one, snaptime: Math.floor(Date.now() / 1000) });
  }

  async rollback(guest: FakeGuest, name: string, start: boolean): Promise<void> {
    const found = guest.snapshots.find((one) => one.name === name);
    if (found === undefined) throw new Error(`snapshot '${name}' does not exist`);
    if (found.snapstate !== undefined) throw new Error('unable to rollback to incomplete snapshot');
    guest.status = 'stopped';
    await this.#copy(this.#at(guest, `snap-${name}`), this.disk(guest.vmid));
    if (start || found.vmstate === 1) guest.status = 'running';
  }

  async deleteSnapshot(guest: FakeGuest, { name, force }: { name: string; force: boolean }): Promise<void> {
    const found = guest.snapshots.find((one) => one.name === name);
    if (found === undefined) throw new Error(`snapshot '${name}' does not exist`);
    if (found.snapstate !== undefined && !force) throw new Error(`snapshot '${name}' is incomplete`);
    await rm(this.#at(guest, `snap-${name}`), { recursive: true, force: true });
    guest.snapshots = guest.snapshots.filter((one) => one !== found);
  }

  async dump(guest: FakeGuest, { storage, notes }: { storage: string; notes: string }): Promise<void> {
    this.#serial += 1;
    const stamp = new Date(Date.UTC(2026, 0, 1) + this.#serial * 1000).toISOString().slice(0, 19);
    const file = `vzdump-${guest.type}-${guest.vmid}-${stamp.replaceAll('-', '_').replace('T', '-').replaceAll(':', '_')}.tar.zst`;
    await mkdir(join(this.root, storage), { recursive: true });
    await run('tar', ['--zstd', '-cf', join(this.root, storage, file), '-C', this.disk(guest.vmid), '.']);
    const ctime = Math.floor(Date.now() / 1000) + this.#serial;
    this.archives.push({
      volid: `${storage}:backup/${file}`,
      vmid: guest.vmid,
      ctime,
      size: 1024,
      format: 'tar.zst',
      notes,
    });
  }

  async restore(guest: FakeGuest, volid: string): Promise<void> {
    if (guest.status === 'running')
      throw new Error(`unable to restore CT ${guest.vmid} - can't overwrite running container`);
    const [storage = '', file = ''] = volid.split(':backup/');
    await rm(this.disk(guest.vmid), { recursive: true });
    await mkdir(this.disk(guest.vmid));
    await run('tar', ['--zstd', '-xf', join(this.root, storage, file), '-C', this.disk(guest.vmid)]);
  }

  /** Runs the work as a task does: what fails is told at its end. */
  start(task: Omit<FakeTask, 'upid' | 'pid' | 'pstart' | 'starttime' | 'log'>, work: () => Promise<void>): string {
    this.#serial += 1;
    const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, '0');
    const starttime = Math.floor(Date.now() / 1000);
    const upid = `UPID:${task.node}:${hex(this.#serial)}:${hex(this.#serial)}:${hex(starttime)}:${task.type}:${task.id}:${task.user}:`;
    const made: FakeTask = { ...task, upid, pid: this.#serial, pstart: this.#serial, starttime, log: [] };
    this.tasks.set(upid, made);
    const end = (status: string) => {
      made.exitstatus ??= status;
    };
    work().then(
      () => end('OK'),
      (error: unknown) => {
        const text = error instanceof Error ? error.message : String(error);
        if (task.type === 'vzdump') made.log.push(`ERROR: Backup of VM ${task.id} failed - ${text}`);
        end(task.type === 'vzdump' ? 'job errors' : text);
      },
    );
    return upid;
  }

  fault(asked: string, ...kinds: Fault['what'][]): Fault['what'] | undefined {
    const index = this.faults.findIndex(({ on, what }) => kinds.includes(what) && on.test(asked));
    return index === -1 ? undefined : this.faults.splice(index, 1)[0]?.what;
  }

  #at(guest: FakeGuest, name: string): string {
    return join(this.root, `${guest.vmid}`, name);
  }

  async #copy(from: string, to: string): Promise<void> {
    await run('cp', ['-a', '--reflink=auto', from, `${to}.new`]);
    await rm(to, { recursive: true, force: true });
    await rename(`${to}.new`, to);
  }
}
