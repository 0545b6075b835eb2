/** A simulated ESXi host or vCenter behind a line that can be broken, and the plugin as a worker would use it. */
import { openPlugin } from '#host/harness.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin } from '#plugins/hypervisors/esxi/index.ts';
import type { SecretRef } from '#sdk/secret.ts';
import type { GuestBed } from '#test/plugins/hypervisors/promises.ts';
import { fingerprintOf } from '#test/plugins/hypervisors/proxmox-bed.ts';
import { known } from '#test/plugins/notifications/channel.ts';
import { type Certificates, makeCertificates } from '#test/support/certificates.ts';
import { tempDir } from '#test/support/tmp.ts';
import type { Ref } from '#test/support/vsphere/client.ts';
import { startVsphereProxy, type VsphereProxy } from '#test/support/vsphere/proxy.ts';
import { PASSWORD, startSimulator, USER } from '#test/support/vsphere/simulator.ts';

export interface VsphereBed extends GuestBed {
  proxy: VsphereProxy;
  certificates: Certificates;
  /** The machine that the guest is. */
  machine: Ref;
  /** Keys to write differently from now on; null: not at all. */
  change(config: JsonObject): void;
  calls(method: string): number;
}

export async function openVsphere(kind: 'host' | 'vcenter'): Promise<VsphereBed> {
  const dir = await tempDir();
  const certificates = await makeCertificates(dir.path);
  const simulator = await startSimulator(kind);
  const proxy = await startVsphereProxy(simulator.host, certificates);
  const harness = await openPlugin(plugin, [], async ({ $secret }: SecretRef) => $secret.path);
  const guest = kind === 'host' ? 'ha-host_VM0' : 'DC0_H0_VM0';
  const fingerprint = await fingerprintOf(certificates.certificate);
  const short = { timeout: '5s', patience: '2s' };
  let config: JsonObject = { url: proxy.url, username: USER, password: known(PASSWORD), fingerprint, ...short };
  const machine = await proxy.client.machine(guest);
  return {
    proxy,
    certificates,
    guest,
    machine,
    calls: (method) => proxy.asked.filter((one) => one === method).length,
    change: (keys) => {
      config = Object.fromEntries(Object.entries({ ...config, ...keys }).filter(([, value]) => value !== null));
    },
    act: (action, input = {}) => harness.run(action, config, input),
    write: async (text) => {
      proxy.disk = text;
    },
    read: async () => proxy.disk,
    foreignSnapshot: async (label) => {
      const parts = `<name>${label}</name><description>by hand</description><memory>false</memory><quiesce>false</quiesce>`;
      await proxy.client.perform('CreateSnapshot_Task', machine, parts);
    },
    async [Symbol.asyncDispose]() {
      await harness[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
      await simulator[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}
