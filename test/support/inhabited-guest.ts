/** A container of a (stand-in) Proxmox VE in which a worker lives: the controller and the hypervisor's worker are outside. */
import { chmod, mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, type TestContext } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import { fingerprintOf } from '#test/plugins/hypervisors/proxmox-bed.ts';
import { makeCertificates } from '#test/support/certificates.ts';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';
import { openContainers } from '#test/support/lxc.ts';
import { expectNoSnapshots } from '#test/support/proxmox/leftovers.ts';
import { startProxmox, TOKEN } from '#test/support/proxmox/server.ts';
import { startRedis } from '#test/support/redis.ts';
import { root } from '#test/support/sources.ts';
import { tempDir } from '#test/support/tmp.ts';

/** What the guest's snapshot brings back is below this. */
export const GUEST = 101;

/** The programs of the node, of which the guest has but busybox; first in its search path. */
const SEARCH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root';

export interface InhabitedGuest extends AsyncDisposable {
  lab: TestHomelab;
  /** Runs a shell script in the guest. @returns what it printed. */
  inside(script: string): Promise<string>;
  /** A run of `update` to its end. */
  update(service: string): Promise<RunDetail>;
  /** Neither in what the platform lists, nor on its disks, nor in the guest; and what was asked is as its description has it. */
  expectNothingLeft(): Promise<void>;
}

export interface GuestWish {
  /** YAML of the services, which are on host `guest`; NAS stands for a directory outside that the guest has too. */
  services: string;
  /** Programs that the guest's init keeps running besides the worker. */
  daemons?: readonly string[];
  /** Files of the guest. */
  files?: Readonly<Record<string, string>>;
}

const configOf = (services: string, { pve, nas }: { pve: string; nas: string }) => `version: 1
global: { name: test, host: node, state_dir: DIR/state, log_dir: DIR/log }
redis: { url_file: DIR/redis-url }
hosts: { guest: {} }
destinations: { nas: { type: local, path: ${nas} }, inside: { type: local, path: /srv/inside } }
hypervisors: { pve: { type: proxmox, ${pve}, token_file: DIR/token, hosts: [node] } }
updates: { policy: minor, min_age: 0s, gate: { timeout: 8s, stable_for: 500ms } }
services:${services.replaceAll('NAS', nas)}`;

export async function openInhabitedGuest(
  context: Pick<TestContext, 'skip'>,
  { services, daemons = [], files = {} }: GuestWish,
): Promise<InhabitedGuest> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir());
  const certificates = await makeCertificates(dir.path);
  const redis = stack.use(await startRedis());
  const nas = join(dir.path, 'nas');
  await mkdir(nas);
  const programs = ['/usr', root, await realpath(join(root, 'node_modules'))].map((path) => ({ path }));
  const containers = stack.use(
    await openContainers(context, dir.path, {
      network: true,
      shares: [...programs, { path: nas, writable: true }],
      files: { ...initOf(redis.url, daemons), ...files },
    }),
  );
  const proxmox = stack.use(await startProxmox({ root: dir.path, certificates, backend: containers }));
  await proxmox.cluster.add({ vmid: GUEST, type: 'lxc', node: 'pve1', name: 'notes' });
  const pve = `url: "${proxmox.url}", fingerprint: "${await fingerprintOf(certificates.certificate)}"`;
  const lab = stack.use(await startHomelab(configOf(services, { pve, nas })));
  for (const [name, text] of Object.entries({ token: TOKEN, 'redis-url': redis.url })) {
    await chmod(await lab.write(name, text), 0o600);
  }
  await lab.start(['up', '--port', '0']);
  const inside = (script: string) => containers.inside(GUEST, 'env', ...SEARCH.split(' '), 'sh', '-c', script);
  const owned = stack.move();
  return {
    lab,
    inside,
    update: (service) => lab.run('update', service),
    async expectNothingLeft() {
      await expectNoSnapshots(proxmox, containers, GUEST);
      expect(await inside('ls /srv/state/backups/staging')).toBe('');
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Its init starts the worker, and starts it again when it ends. */
function initOf(redis: string, daemons: readonly string[]): Record<string, string> {
  const worker = `${root}/bin/homelab-autopilot --config /srv/worker.yaml worker --host guest`;
  const kept = [...daemons, worker];
  const scripts = kept.map((words, index) => [
    `/srv/daemon-${index}.sh`,
    `export ${SEARCH}\nexec ${words} >>/srv/daemon-${index}.log 2>&1\n`,
  ]);
  return {
    // The usual one asks for an address of its own, on a network that is the node's. What a boot begins without is in memory.
    '/etc/init.d/rcS': '#!/bin/sh\nmkdir -p /run\nfor one in /run /var/run; do mount -t tmpfs none $one; done\n',
    '/etc/inittab': [
      '::sysinit:/etc/init.d/rcS',
      ...kept.map((_, at) => `::respawn:/bin/sh /srv/daemon-${at}.sh`),
      '',
    ].join('\n'),
    '/srv/worker.yaml': `global: { host: guest, state_dir: /srv/state, log_dir: /srv/log }\nredis: { url: "${redis}" }\n`,
    ...Object.fromEntries(scripts),
  };
}
