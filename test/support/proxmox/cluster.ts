/** The state of the fake cluster: its guests and their snapshots, its archives, and its tasks. */
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend } from './backend.ts';

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
  lock?: string;
  /** It does not stop when it is asked to. */
  stubborn?: boolean;
  /** Whether its storage can snapshot. */
  hasFeature: boolean;
  snapshots: FakeSnapshot[];
  /** As its file on the node has it, without snapshots. */
  config: Record<string, string>;
  pool?: string;
  /** Whether an agent runs in it that answers. */
  agent?: boolean;
}

/** What an archive holds besides the disk. */
export type Packed = Pick<FakeGuest, 'type' | 'config' | 'agent'>;

export interface FakeArchive {
  volid: string;
  vmid: number;
  ctime: number;
  size: number;
  format: string;
  notes: string;
  /** Nobody may remove it. */
  protected?: 1;
  /** What a check of it found. */
  verification?: { state: 'ok' | 'failed'; upid: string };
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
    | 'reason phrase only'
    | 'answer without end'
    /** The node loses power while a guest is made: its lock stays. */
    | 'cut short';
}

export class Cluster {
  readonly guests: FakeGuest[] = [];
  readonly archives: FakeArchive[] = [];
  /** By the name of the archive. */
  readonly packed = new Map<string, Packed>();
  readonly tasks = new Map<string, FakeTask>();
  readonly faults: Fault[] = [];
  readonly backend: Backend;
  /** How far the clock of the cluster is ahead, in seconds. */
  clockAhead = 0;
  /** How much room each storage has. */
  freeBytes = 1 << 30;
  readonly #root: string;
  readonly #works = new Set<Promise<void>>();
  #serial = 0;

  /** @param root holds the archives. */
  constructor(root: string, backend: Backend) {
    this.#root = root;
    this.backend = backend;
  }

  async add(guest: Pick<FakeGuest, 'vmid' | 'type' | 'node' | 'name'>): Promise<FakeGuest> {
    await this.backend.create(guest.vmid);
    const added: FakeGuest = { ...guest, hasFeature: true, snapshots: [], config: usual(guest) };
    this.guests.push(added);
    return added;
  }

  async statusOf({ vmid }: FakeGuest): Promise<'running' | 'stopped'> {
    return (await this.backend.isRunning(vmid)) ? 'running' : 'stopped';
  }

  async boot({ vmid, config }: FakeGuest): Promise<void> {
    await this.backend.connect(
      vmid,
      Object.keys(config).some((key) => key.startsWith('net')),
    );
    await this.backend.start(vmid);
  }

  async snapshot(guest: FakeGuest, one: Omit<FakeSnapshot, 'snaptime'>): Promise<void> {
    if (!guest.hasFeature) throw new Error('snapshot feature is not available');
    if (guest.snapshots.some(({ name }) => name === one.name))
      throw new Error(`snapshot name '${one.name}' already used`);
    await this.backend.snapshot(guest.vmid, one.name);
    guest.snapshots.push({ ...one, snaptime: this.#now() });
  }

  async rollback(guest: FakeGuest, name: string, start: boolean): Promise<void> {
    const found = guest.snapshots.find((one) => one.name === name);
    if (found === undefined) throw new Error(`snapshot '${name}' does not exist`);
    if (found.snapstate !== undefined) throw new Error('unable to rollback to incomplete snapshot');
    if ((await this.statusOf(guest)) === 'running') await this.backend.stop(guest.vmid);
    await this.backend.rollback(guest.vmid, name);
    if (start || found.vmstate === 1) await this.boot(guest);
  }

  async deleteSnapshot(guest: FakeGuest, { name, force }: { name: string; force: boolean }): Promise<void> {
    const found = guest.snapshots.find((one) => one.name === name);
    if (found === undefined) throw new Error(`snapshot '${name}' does not exist`);
    if (found.snapstate !== undefined && !force) throw new Error(`snapshot '${name}' is incomplete`);
    await this.backend.deleteSnapshot(guest.vmid, name);
    guest.snapshots = guest.snapshots.filter((one) => one !== found);
  }

  async dump(guest: FakeGuest, { storage, notes }: { storage: string; notes: string }): Promise<void> {
    this.#serial += 1;
    const stamp = new Date(Date.UTC(2026, 0, 1) + this.#serial * 1000).toISOString().slice(0, 19);
    const name = `vzdump-${guest.type}-${guest.vmid}-${stamp.replaceAll('-', '_').replace('T', '-').replaceAll(':', '_')}.tar.zst`;
    const volid = `${storage}:backup/${name}`;
    const file = this.#fileOf(volid);
    await mkdir(join(this.#root, storage), { recursive: true });
    try {
      await this.backend.dump(guest.vmid, file);
    } catch (error) {
      await rm(file, { force: true });
      throw error;
    }
    const { size } = await stat(file);
    const ctime = this.#now() + this.#serial;
    this.archives.push({ volid, vmid: guest.vmid, ctime, size, format: 'tar.zst', notes });
    const { type, config, agent } = guest;
    this.packed.set(volid, { type, config: { ...config }, ...(agent === undefined ? {} : { agent }) });
  }

  /** Its disk as the archive has it. */
  async unpack({ vmid }: FakeGuest, volid: string): Promise<void> {
    await this.backend.restore(vmid, this.#fileOf(volid));
  }

  async deleteArchive(volid: string): Promise<void> {
    const index = this.archives.findIndex((one) => one.volid === volid);
    if (index === -1) return;
    this.archives.splice(index, 1);
    await rm(this.#fileOf(volid));
  }

  /** Runs the work as a task does: what fails is told at its end. */
  start(task: Omit<FakeTask, 'upid' | 'pid' | 'pstart' | 'starttime' | 'log'>, work: () => Promise<void>): string {
    this.#serial += 1;
    const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, '0');
    const starttime = this.#now();
    const upid = `UPID:${task.node}:${hex(this.#serial)}:${hex(this.#serial)}:${hex(starttime)}:${task.type}:${task.id}:${task.user}:`;
    const made: FakeTask = { ...task, upid, pid: this.#serial, pstart: this.#serial, starttime, log: [] };
    this.tasks.set(upid, made);
    const end = (status: string) => {
      made.exitstatus ??= status;
    };
    const running = work().then(
      () => end('OK'),
      (error: unknown) => {
        const text = error instanceof Error ? error.message : String(error);
        if (task.type === 'vzdump') made.log.push(`ERROR: Backup of VM ${task.id} failed - ${text}`);
        end(task.type === 'vzdump' ? 'job errors' : text);
      },
    );
    this.#works.add(running);
    return upid;
  }

  /** Waits for the tasks that were begun: what they work on can be taken away then. */
  async idle(): Promise<void> {
    await Promise.all(this.#works);
  }

  fault(asked: string, ...kinds: Fault['what'][]): Fault['what'] | undefined {
    const index = this.faults.findIndex(({ on, what }) => kinds.includes(what) && on.test(asked));
    return index === -1 ? undefined : this.faults.splice(index, 1)[0]?.what;
  }

  #now(): number {
    return Math.floor(Date.now() / 1000) + this.clockAhead;
  }

  #fileOf(volid: string): string {
    const [storage = '', name = ''] = volid.split(':backup/');
    return join(this.#root, storage, name);
  }
}

function usual({ vmid, type, name }: Pick<FakeGuest, 'vmid' | 'type' | 'name'>): Record<string, string> {
  const size = '8M';
  if (type === 'lxc') {
    return {
      hostname: name,
      unprivileged: '1',
      onboot: '1',
      rootfs: `local-lvm:vm-${vmid}-disk-0,size=${size}`,
      net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=dhcp,type=veth',
    };
  }
  return {
    name,
    onboot: '1',
    agent: '1',
    scsi0: `local-lvm:vm-${vmid}-disk-0,iothread=1,size=${size}`,
    ide2: 'none,media=cdrom',
    net0: 'virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1',
  };
}
