/** A real libvirt with real QEMU guests for one test file: the one of the system where it runs, else one of its own. */
import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import { bootDisk, sayToGuest } from '#test/support/boot-guest.ts';
import { SYSTEM, startDaemons } from '#test/support/libvirt-daemons.ts';
import { hasTool, needs } from '#test/support/needs.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

const call = promisify(execFile);

const TOOLS = ['virsh', 'libvirtd', 'virtlogd', 'qemu-img', 'qemu-system-x86_64', 'unshare', 'flock'];

/** How long to wait for it: test files take turns. */
export const LIBVIRT_PATIENCE_MS = 900_000;

export interface TestLibvirt extends AsyncDisposable {
  virsh(...words: string[]): Promise<string>;
  /** Takes a guest away before the end. */
  remove(name: string): Promise<void>;
  /** Defines a guest and starts it. `edit` changes its XML before. */
  guest(options?: { format?: 'qcow2' | 'raw'; edit?: (xml: string) => string; start?: boolean }): Promise<TestGuest>;
}

export interface TestGuest {
  name: string;
  /** Its serial line: what is said there is written to its disk, and `?` reads it. */
  serial: string;
  /** On its disk. */
  write(text: string): Promise<void>;
  read(): Promise<string>;
}

export function canRunLibvirt(): boolean {
  return TOOLS.every(hasTool) && process.getuid?.() === 0;
}

export function needsLibvirt(context: Pick<TestContext, 'skip'>): void {
  needs(context, ...TOOLS);
  if (process.getuid?.() !== 0) context.skip('needs root, to start a libvirt');
}

export async function startLibvirt(): Promise<TestLibvirt> {
  const directory = await tempDir();
  const virsh = async (...words: string[]) => {
    const { stdout } = await call('virsh', ['--connect', 'qemu:///system', '--quiet', ...words], { env: SYSTEM });
    return stdout.trim();
  };
  const daemons = await startDaemons();
  const names = new Set<string>();
  const remove = async (name: string) => {
    await removeGuest(virsh, name);
    names.delete(name);
  };
  return {
    virsh,
    remove,
    async guest(options = {}) {
      const guest = await defineGuest(virsh, directory.path, options);
      names.add(guest.name);
      if (options.start !== false) {
        await virsh('start', guest.name);
        await guest.write('first');
      }
      return guest;
    },
    async [Symbol.asyncDispose]() {
      for (const name of [...names]) await remove(name);
      await daemons[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

type Virsh = TestLibvirt['virsh'];

async function defineGuest(
  virsh: Virsh,
  directory: string,
  { format = 'qcow2', edit = (xml) => xml }: { format?: 'qcow2' | 'raw'; edit?: (xml: string) => string },
): Promise<TestGuest> {
  const folder = await mkdtemp(join(directory, 'guest-'));
  const at = (file: string) => join(folder, file);
  const name = `autopilot-test-${folder.slice(-6).toLowerCase()}`;
  await writeFile(at('raw'), bootDisk());
  await call('qemu-img', ['convert', '-f', 'raw', '-O', format, at('raw'), at('disk')]);
  await writeFile(at('guest.xml'), edit(domainXml({ name, format, disk: at('disk'), serial: at('serial') })));
  await virsh('define', at('guest.xml'));
  const say = (line: string) => sayToGuest(at('serial'), line);
  return {
    name,
    serial: at('serial'),
    async write(text) {
      await eventually('the guest listens', async () => (await say(text).catch(() => '')) === text, 60_000);
    },
    read: () => say('?'),
  };
}

/** Always emulated: there may be a /dev/kvm on which no guest starts. Runs as root, for the disk is in a folder of ours. */
function domainXml({ name, format, disk, serial }: Record<'name' | 'format' | 'disk' | 'serial', string>): string {
  return `<domain type='qemu'>
  <name>${name}</name>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='${format}'/><source file='${disk}'/><target dev='vda' bus='virtio'/>
    </disk>
    <serial type='unix'><source mode='bind' path='${serial}'/></serial>
    <memballoon model='none'/>
  </devices>
  <seclabel type='static' model='dac' relabel='no'><label>+0:+0</label></seclabel>
</domain>
`;
}

async function removeGuest(virsh: Virsh, name: string): Promise<void> {
  await virsh('destroy', name).catch(() => undefined);
  await virsh('undefine', '--snapshots-metadata', name).catch(() => undefined);
}
