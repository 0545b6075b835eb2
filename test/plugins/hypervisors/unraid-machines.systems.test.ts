/** Unraid's virtual machines on a real libvirt with real QEMU guests, and their snapshots through a real SSH server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { type GuestBed, keepsSnapshots } from '#test/plugins/hypervisors/promises.ts';
import {
  canRunLibvirt,
  LIBVIRT_PATIENCE_MS,
  needsLibvirt,
  startLibvirt,
  type TestLibvirt,
} from '#test/support/libvirt.ts';
import { needs } from '#test/support/needs.ts';
import { root } from '#test/support/sources.ts';
import { startSshd, type TestSshd } from '#test/support/sshd.ts';
import { tempDir } from '#test/support/tmp.ts';
import { realWorld } from '#test/support/unraid/worlds.ts';
import { loginTo, openUnraidBed, type UnraidBed } from './unraid-bed.ts';

const LABEL = 'autopilot-b7k2';
/** No Docker answers here: its half of the server is another test's. */
const NO_DOCKER = 'SetEnv DOCKER_HOST=unix:///nowhere\n';

let libvirt: TestLibvirt;
let sshd: TestSshd;

beforeAll(async () => {
  if (canRunLibvirt()) libvirt = await startLibvirt();
}, LIBVIRT_PATIENCE_MS);
afterAll(async () => {
  await libvirt?.[Symbol.asyncDispose]();
});
beforeEach(async (context) => {
  needsLibvirt(context);
  needs(context, 'sshd', 'ssh-keygen', 'ssh');
  sshd = await startSshd(NO_DOCKER);
});
afterEach(async () => {
  await sshd?.[Symbol.asyncDispose]();
});

const openBed = () => openUnraidBed(realWorld({ libvirt }), sshd);

async function openMachine(): Promise<GuestBed & UnraidBed> {
  const { name, write, read } = await libvirt.guest();
  const bed = await openBed();
  return {
    ...bed,
    guest: name,
    write,
    read,
    foreignSnapshot: async (label) => void (await libvirt.virsh('snapshot-create-as', name, label)),
    async [Symbol.asyncDispose]() {
      await bed[Symbol.asyncDispose]();
      await libvirt.remove(name);
    },
  };
}

describe('a virtual machine', () => {
  keepsSnapshots(openMachine);

  test('is listed, shut down and started, and what is so already is left alone', async () => {
    await using bed = await openMachine();
    const ensure = (state: string) => bed.act('ensureState', { guest: bed.guest, state });
    const { guests } = await bed.act('listGuests');

    expect(guests).toContainEqual(expect.objectContaining({ id: bed.guest, type: 'vm', state: 'running' }));
    expect(await ensure('running')).toMatchObject({ changed: false });
    expect(await ensure('stopped')).toEqual({ changed: true, forced: false });
    expect(await ensure('stopped')).toMatchObject({ changed: false });
    expect(await ensure('running')).toEqual({ changed: true, forced: false });
  });

  test('that does not listen to its power button is told as switched off', async () => {
    const deaf = await libvirt.guest({ start: false, edit: (xml) => xml.replace('<features><acpi/></features>', '') });
    await using bed = await openBed();
    const ensure = (state: string) => bed.act('ensureState', { guest: deaf.name, state });

    expect(await ensure('running')).toEqual({ changed: true, forced: false });
    expect(await ensure('stopped')).toEqual({ changed: true, forced: true });
    expect(await libvirt.virsh('domstate', deaf.name)).toBe('shut off');
  });

  test('with a disk that is raw, as Unraid makes them, is refused with what to do', async () => {
    const { name } = await libvirt.guest({ start: false, format: 'raw' });
    await using bed = await openBed();

    expect(await bed.act('canSnapshot', { guest: name })).toMatchObject({
      possible: false,
      summary: expect.stringContaining('qemu-img convert -O qcow2'),
    });
  });

  test('whose snapshot somebody gave a name for a shell is listed with it, and nothing is run', async () => {
    const { name } = await libvirt.guest({ start: false });
    await using bed = await openBed();
    // A name cannot hold a slash, so what it would make lies where a login begins.
    const file = `autopilot-touched-${process.pid}`;
    const label = `x'; touch ${file}; echo '$(touch ${file})`;
    await libvirt.virsh('snapshot-create-as', name, `--name=${label}`);

    expect(await bed.act('listSnapshots', { guest: name })).toMatchObject({ snapshots: [{ label, run: null }] });
    await expect(access(join(userInfo().homedir, file))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('SSH', () => {
  test('to a machine with another key than the pinned one brings nothing there', async () => {
    const { name } = await libvirt.guest({ start: false });
    await using bed = await openBed();
    await sshd.changeHostKey();

    const asked = bed.act('listSnapshots', { guest: name });

    await expect(asked).rejects.toMatchObject({ code: 'HA_REMOTE_REFUSED' });
    expect(await sshd.log()).not.toContain('Accepted publickey');
  });

  test('that leads to libvirt alone is a warning, and to neither a reason', async () => {
    await using none = await startSshd('ForceCommand exit 126\n');
    await using bed = await openBed();
    const told = async (server: TestSshd) => {
      bed.change({ ssh: loginTo(server) });
      const { capabilities, warnings } = await bed.act('inspect');
      return { snapshot: (capabilities as JsonObject[]).find(({ name }) => name === 'snapshot'), warnings };
    };

    expect(await told(sshd)).toMatchObject({
      snapshot: { possible: true },
      warnings: [expect.stringContaining('no snapshots through SSH')],
    });
    expect(await told(none)).toMatchObject({ snapshot: { possible: false } });
  });

  test('with a key that may ask Docker and libvirt alone, as the page says, makes snapshots and runs nothing else', async () => {
    await using dir = await tempDir();
    const page = await readFile(join(root, 'docs/hypervisors/unraid.md'), 'utf8');
    const [, script = ''] = /^```sh\n(#!\/bin\/sh\n[\s\S]*?)^```/m.exec(page) ?? [];
    await writeFile(join(dir.path, 'gate'), script);
    await using gate = await startSshd(`${NO_DOCKER}ForceCommand sh ${dir.path}/gate\n`);
    const { name } = await libvirt.guest({ start: false });
    await using bed = await openBed();
    bed.change({ ssh: loginTo(gate) });

    const at = { guest: name, label: LABEL, run: 'r1' };
    expect(await bed.act('snapshot', at)).toMatchObject({ snapshot: { complete: true } });
    expect(await bed.act('deleteSnapshot', at)).toEqual({ removed: true });
    const virsh = "'env' 'LC_ALL=C' 'virsh' '--connect' 'qemu:///system' ";
    for (const command of ['id', `${virsh}'list'; id`, `${virsh}$(id)`, `${virsh}'list'\n'id'`, `docker ps`]) {
      expect(await statusOf(script, command), command).toBe(126);
    }
  });
});

/** Of the script of the page, as sshd would start it. */
async function statusOf(script: string, command: string): Promise<number | null> {
  const child = spawn('sh', ['-c', script], {
    env: { ...process.env, SSH_ORIGINAL_COMMAND: command },
    stdio: 'ignore',
  });
  const [status] = (await once(child, 'exit')) as [number | null];
  return status;
}
