/** A fake Proxmox VE with one guest, and the plugin as a worker would use it. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { createCatalog } from '#host/catalog.ts';
import { Processes } from '#host/exec.ts';
import { createMasker } from '#host/mask.ts';
import { performAction } from '#host/perform.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin } from '#plugins/hypervisors/proxmox/index.ts';
import type { SecretRef } from '#sdk/secret.ts';
import type { GuestBed } from '#test/plugins/hypervisors/promises.ts';
import { known } from '#test/plugins/notifications/channel.ts';
import { type Certificates, makeCertificates } from '#test/support/certificates.ts';
import type { Backend } from '#test/support/proxmox/backend.ts';
import { openDirectories } from '#test/support/proxmox/directories.ts';
import { type FakeProxmox, startProxmox, TOKEN } from '#test/support/proxmox/server.ts';
import { tempDir } from '#test/support/tmp.ts';

export interface ProxmoxBed<B extends Backend = Backend> extends GuestBed {
  backend: B;
  fake: FakeProxmox;
  certificates: Certificates;
  dir: string;
  /** Keys to write differently from now on. */
  change(config: JsonObject): void;
}

export async function fingerprintOf(file: string): Promise<string> {
  return new X509Certificate(await readFile(file)).fingerprint256;
}

export async function openBed(type: 'lxc' | 'qemu' = 'lxc'): Promise<ProxmoxBed> {
  return await openBedOn(async (directory) => openDirectories(directory), type);
}

/** @param open makes what the guest is made of, in the directory of the bed. */
export async function openBedOn<B extends Backend>(
  open: (directory: string) => Promise<B>,
  type: 'lxc' | 'qemu' = 'lxc',
): Promise<ProxmoxBed<B>> {
  await using opening = new AsyncDisposableStack();
  const dir = opening.use(await tempDir());
  const certificates = await makeCertificates(dir.path);
  const backend = opening.use(await open(dir.path));
  const processes = opening.use(new Processes({ priority: { nice: 0, ionice: 'none' } }));
  const fake = opening.use(await startProxmox({ root: dir.path, certificates, backend }));
  await fake.cluster.add({ vmid: 101, type, node: 'pve1', name: 'notes' });
  const fingerprint = await fingerprintOf(certificates.certificate);
  const usual: JsonObject = { backup_storage: 'vault', timeout: '5s', patience: '2s', token: known(TOKEN) };
  let config: JsonObject = { ...usual, url: fake.url, fingerprint };
  const act = actor(dir.path, processes);
  const opened = opening.move();
  return {
    backend,
    fake,
    certificates,
    dir: dir.path,
    guest: '101',
    change: (keys) => {
      const { fingerprint: pinned, ...rest } = config;
      config = 'ca_file' in keys ? { ...rest, ...keys } : { ...rest, fingerprint: pinned ?? '', ...keys };
    },
    act: (action, input = {}) => act(config, action, input),
    write: (text) => backend.write(101, text),
    read: () => backend.read(101),
    foreignSnapshot: async (name) => {
      const [guest] = fake.cluster.guests;
      if (guest !== undefined) await fake.cluster.snapshot(guest, { name, description: 'by hand' });
    },
    async [Symbol.asyncDispose]() {
      await opened.disposeAsync();
      if (fake.problems.length > 0) throw new Error(fake.problems.join('\n'));
    },
  };
}

/** Performs an action of the plugin, as a worker does. */
function actor(stateDir: string, processes: Processes) {
  const silent = () => undefined;
  const voice = { log: { debug: silent, info: silent, warn: silent, error: silent }, progress: silent };
  const ports = {
    catalog: createCatalog([plugin]),
    masker: createMasker(),
    host: 'nas',
    stateDir,
    now: () => new Date(),
    secret: async ({ $secret }: SecretRef) => $secret.path,
    processes,
  };
  return (config: JsonObject, action: string, input: JsonObject) =>
    performAction(
      {
        plugin: { kind: 'hypervisor', type: 'proxmox', name: 'pve', config },
        uses: [],
        action,
        input,
        key: `test-${action}`,
        timeoutMs: 60_000,
        mayHaveRun: false,
        voice,
      },
      ports,
      new AbortController().signal,
    );
}

/** Its guest has a backup with `before` on the disk, and `after` on it now. @param config what its settings have besides. */
export async function openBedWithBackup(type: 'lxc' | 'qemu' = 'lxc', config: Record<string, string> = {}) {
  const bed = await openBed(type);
  const [guest] = bed.fake.cluster.guests;
  if (guest === undefined) throw new Error('it was added');
  Object.assign(guest.config, config);
  await bed.write('before');
  const backup = z.string().parse((await bed.act('backup', { guest: '101', run: 'r1' }))['id']);
  await bed.write('after');
  const made = () => bed.fake.asked.filter((one) => one === `POST /nodes/pve1/${type}`).length;
  return { bed, guest, backup, made };
}
