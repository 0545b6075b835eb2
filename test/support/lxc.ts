/** Real LXC containers on a btrfs of a test's own: made from busybox, snapshotted while they run, stopped by their own init. */
import { execFile } from 'node:child_process';
import { appendFile, mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import { type Mount, mountBtrfs } from '#test/support/mounts.ts';
import { needs } from '#test/support/needs.ts';
import type { Backend } from '#test/support/proxmox/backend.ts';

const call = promisify(execFile);

const LXC = ['lxc-create', 'lxc-start', 'lxc-stop', 'lxc-info', 'lxc-attach'];
const TOOLS = [...LXC, 'mkfs.btrfs', 'btrfs', 'losetup', 'busybox', 'tar', 'zstd'];
const SYSTEM = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, LC_ALL: 'C' };

/** No profile of AppArmor, for not every system has one. */
const CONFIG = 'lxc.apparmor.profile = unconfined\n';

/** How containers are furnished. Left out: without a network, and with nothing but busybox. */
export interface Furnishing {
  /** That of this machine. A container without one has its loopback only. */
  network?: boolean;
  /** Directories of this machine that are in the container too, at the same path. */
  shares?: readonly { path: string; writable?: boolean }[];
  /** Files on its disk before it first starts, by path. */
  files?: Readonly<Record<string, string>>;
}

/** Where LXC keeps a lock for each container, for root. It leaves them there. */
const LOCKS = '/run/lxc/lock';

const NOTE = '/mnt/note';

/** First line of a `beforeEach`. Privileged containers can only be started by root. */
export function needsLxc(context: Pick<TestContext, 'skip'>): void {
  needs(context, ...TOOLS);
  if (process.getuid?.() !== 0) context.skip('needs root, to start containers');
}

export async function openContainers(
  context: Pick<TestContext, 'skip'>,
  directory: string,
  furnishing: Furnishing = {},
): Promise<Containers> {
  const mount = await mountBtrfs(context, join(directory, 'lxc'));
  return new Containers(mount, furnishing);
}

export class Containers implements Backend {
  /** `lxc-attach --lxcpath` and its like take this. */
  readonly path: string;
  readonly #mount: Mount;
  readonly #furnishing: Furnishing;
  readonly #made = new Set<number>();
  /** Of each archive, with `{vmid}` for the container. */
  readonly #packed = new Map<string, string>();

  constructor(mount: Mount, furnishing: Furnishing) {
    this.#mount = mount;
    this.#furnishing = furnishing;
    this.path = mount.path;
  }

  async create(vmid: number): Promise<void> {
    const config = join(this.path, 'new.conf');
    await writeFile(config, configOf(this.#furnishing));
    this.#made.add(vmid);
    await this.#lxc('create', vmid, '--config', config, '--template', 'busybox', '--bdev', 'btrfs');
    for (const [path, content] of Object.entries(this.#furnishing.files ?? {})) {
      await mkdir(dirname(join(this.#rootfs(vmid), path)), { recursive: true });
      await writeFile(join(this.#rootfs(vmid), path), content);
    }
    await this.start(vmid);
  }

  async isRunning(vmid: number): Promise<boolean> {
    return (await this.#lxc('info', vmid, '--state', '--no-humanize')) !== 'STOPPED';
  }

  /** Of its init, as this machine numbers it. */
  async processOf(vmid: number): Promise<number> {
    return Number(await this.#lxc('info', vmid, '--pid', '--no-humanize'));
  }

  async start(vmid: number): Promise<void> {
    await this.#lxc('start', vmid, '--daemon');
  }

  async stop(vmid: number): Promise<void> {
    await this.#lxc('stop', vmid, '--kill');
  }

  async shutdown(vmid: number, seconds: number): Promise<void> {
    await this.#lxc('stop', vmid, '--nokill', '--timeout', `${seconds}`);
  }

  /** From now on it does not hear when it is asked to stop. */
  async deafen(vmid: number): Promise<void> {
    await this.stop(vmid);
    await appendFile(this.#at(vmid, 'config'), 'lxc.signal.halt = SIGCONT\n');
    await this.start(vmid);
  }

  /** Runs a program in it. @returns what it printed. */
  async inside(vmid: number, ...words: string[]): Promise<string> {
    return await this.#lxc('attach', vmid, '--clear-env', '--', ...words);
  }

  async snapshot(vmid: number, name: string): Promise<void> {
    await btrfs('snapshot', '-r', this.#rootfs(vmid), this.#at(vmid, `snap-${name}`));
  }

  async rollback(vmid: number, name: string): Promise<void> {
    await btrfs('delete', this.#rootfs(vmid));
    await btrfs('snapshot', this.#at(vmid, `snap-${name}`), this.#rootfs(vmid));
  }

  async deleteSnapshot(vmid: number, name: string): Promise<void> {
    await btrfs('delete', this.#at(vmid, `snap-${name}`));
  }

  /** As vzdump does in mode "snapshot": packs a snapshot, while the container goes on. */
  async dump(vmid: number, file: string): Promise<void> {
    await this.snapshot(vmid, 'vzdump');
    try {
      const source = ['--directory', this.#at(vmid, 'snap-vzdump'), '.'];
      await call('tar', ['--create', '--zstd', '--numeric-owner', '--xattrs', '--file', file, ...source]);
      const config = await readFile(this.#at(vmid, 'config'), 'utf8');
      this.#packed.set(file, config.replaceAll(this.#at(vmid, ''), this.#at(0, '')));
    } finally {
      await this.deleteSnapshot(vmid, 'vzdump');
    }
  }

  async restore(vmid: number, file: string): Promise<void> {
    await btrfs('delete', this.#rootfs(vmid)).catch(() => undefined);
    if (!this.#made.has(vmid)) {
      this.#made.add(vmid);
      await mkdir(this.#at(vmid, ''), { recursive: true });
      const config = this.#packed.get(file) ?? '';
      await writeFile(this.#at(vmid, 'config'), config.replaceAll(this.#at(0, ''), this.#at(vmid, '')));
    }
    await btrfs('create', this.#rootfs(vmid));
    const unpacked = ['--directory', this.#rootfs(vmid)];
    await call('tar', ['--extract', '--zstd', '--numeric-owner', '--xattrs', '--file', file, ...unpacked]);
  }

  async connect(vmid: number, connected: boolean): Promise<void> {
    const config = await readFile(this.#at(vmid, 'config'), 'utf8');
    const type = connected && this.#furnishing.network === true ? 'none' : 'empty';
    await writeFile(this.#at(vmid, 'config'), config.replace(/^lxc\.net\.0\.type = .*$/m, `lxc.net.0.type = ${type}`));
  }

  async remove(vmid: number): Promise<void> {
    await btrfs('delete', this.#rootfs(vmid));
    await rm(this.#at(vmid, ''), { recursive: true });
    this.#made.delete(vmid);
  }

  async exists(vmid: number): Promise<boolean> {
    return (await readdir(this.path)).includes(`${vmid}`);
  }

  /** Takes its disk away, as a mishap on the node does; what the node knows of it stays. */
  async loseDisk(vmid: number): Promise<void> {
    await this.stop(vmid);
    await btrfs('delete', this.#rootfs(vmid));
  }

  async write(vmid: number, text: string): Promise<void> {
    await this.inside(vmid, 'sh', '-c', `printf %s "$1" > ${NOTE}`, 'sh', text);
  }

  async read(vmid: number): Promise<string> {
    return await this.inside(vmid, 'cat', NOTE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const vmid of this.#made) await this.stop(vmid).catch(() => undefined);
    await this.#mount[Symbol.asyncDispose]();
    await removeLocks(join(LOCKS, this.path));
  }

  #at(vmid: number, name: string): string {
    return join(this.path, `${vmid}`, name);
  }

  #rootfs(vmid: number): string {
    return this.#at(vmid, 'rootfs');
  }

  async #lxc(program: string, vmid: number, ...words: string[]): Promise<string> {
    const all = ['--lxcpath', this.path, '--name', `${vmid}`, ...words];
    return (await call(`lxc-${program}`, all, { env: SYSTEM })).stdout.trim();
  }
}

function configOf({ network = false, shares = [] }: Furnishing): string {
  const mounts = shares.map(({ path, writable = false }) => {
    const options = writable ? 'bind' : 'ro,bind';
    return `lxc.mount.entry = ${path} ${path.slice(1)} none ${options},create=dir 0 0\n`;
  });
  return `${CONFIG}lxc.net.0.type = ${network ? 'none' : 'empty'}\n${mounts.join('')}`;
}

/** With the folders above that nobody else's lock is in. */
async function removeLocks(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (let above = dirname(folder); above !== LOCKS; above = dirname(above)) await rmdir(above).catch(() => undefined);
}

async function btrfs(...words: string[]): Promise<void> {
  await call('btrfs', ['subvolume', ...words], { env: SYSTEM });
}
