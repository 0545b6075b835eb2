/** A fake Proxmox VE with one container, and the plugin as a worker would use it. */

import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
import { type FakeProxmox, startProxmox, TOKEN } from '#test/support/proxmox/server.ts';
import { tempDir } from '#test/support/tmp.ts';

export interface ProxmoxBed extends GuestBed {
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
  const dir = await tempDir();
  const certificates = await makeCertificates(dir.path);
  const fake = await startProxmox(dir.path, certificates);
  await fake.cluster.add({ vmid: 101, type, node: 'pve1', name: 'notes' });
  const processes = new Processes({ priority: { nice: 0, ionice: 'none' } });
  const masker = createMasker();
  const fingerprint = await fingerprintOf(certificates.certificate);
  const usual: JsonObject = {
    backup_storage: 'vault',
    timeout: '5s',
    patience: '2s',
    token: known(TOKEN),
  };
  let config: JsonObject = { ...usual, url: fake.url, fingerprint };
  const silent = () => undefined;
  const ports = {
    catalog: createCatalog([plugin]),
    masker,
    host: 'nas',
    stateDir: dir.path,
    now: () => new Date(),
    secret: async ({ $secret }: SecretRef) => $secret.path,
    processes,
  };
  const note = join(fake.cluster.disk(101), 'note');
  return {
    fake,
    certificates,
    dir: dir.path,
    guest: '101',
    change: (keys) => {
      const { fingerprint: pinned, ...rest } = config;
      config = 'ca_file' in keys ? { ...rest, ...keys } : { ...rest, fingerprint: pinned ?? '', ...keys };
    },
    act: (action, input = {}) =>
      performAction(
        {
          plugin: { kind: 'hypervisor', type: 'proxmox', name: 'pve', config },
          uses: [],
          action,
          input,
          key: `test-${action}`,
          timeoutMs: 60_000,
          mayHaveRun: false,
          voice: { log: { debug: silent, info: silent, warn: silent, error: silent }, progress: silent },
        },
        ports,
        new AbortController().signal,
      ),
    write: async (text) => await writeFile(note, text),
    read: async () => await readFile(note, 'utf8'),
    foreignSnapshot: async (name) => {
      const [guest] = fake.cluster.guests;
      if (guest !== undefined) await fake.cluster.snapshot(guest, { name, description: 'by hand' });
    },
    async [Symbol.asyncDispose]() {
      await fake[Symbol.asyncDispose]();
      await processes[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
      if (fake.problems.length > 0) throw new Error(fake.problems.join('\n'));
    },
  };
}
