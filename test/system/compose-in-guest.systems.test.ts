/** A Compose project in a guest with an engine and a worker of its own: a bad update takes the whole guest back. */
import { afterAll, beforeEach, expect, type TestContext, test } from 'vitest';
import { shopProgram } from '#test/support/compose-lab.ts';
import { imageFiles, needsDocker } from '#test/support/docker.ts';
import { GUEST, type InhabitedGuest, openInhabitedGuest } from '#test/support/inhabited-guest.ts';
import { needsLxc } from '#test/support/lxc.ts';
import { needsRegistry, startRegistry, type TestRegistry } from '#test/support/registry.ts';
import { eventually } from '#test/support/wait.ts';

const SOCKET = '/run/docker.sock';

/** Its disk is that of the guest, so a snapshot has images, containers and volumes. What it controls its containers with, no busybox mounts. */
const ENGINE = `set -e
mountpoint -q /sys/fs/cgroup/devices || {
  mount -t tmpfs none /sys/fs/cgroup
  for one in $(awk '$2 > 0 && $4 == 1 { print $1 }' /proc/cgroups); do
    mkdir /sys/fs/cgroup/$one
    mount -t cgroup -o $one none /sys/fs/cgroup/$one
  done
}
exec dockerd --data-root /srv/docker -H unix://${SOCKET} --storage-driver overlay2 --bridge=none --iptables=false --ip6tables=false
`;

const SERVICES = `
  - name: shop
    type: docker-compose
    host: guest
    guest: { hypervisor: pve, id: ${GUEST} }
    path: /srv/shop
    project: shop
    socket: ${SOCKET}
    backup: { destinations: [nas], quiesce: { timeout: 20s } }
`;

const shopFile = (image: string) => `services:
  web:
    image: "${image}"
    network_mode: none
    init: true
    restart: unless-stopped
    stop_grace_period: 1s
    volumes: ["files:/data"]
    healthcheck: { test: [CMD, sh, -c, 'test "$$(cat /data/schema)" = "$$(cat /version)"'], interval: 1s, retries: 1 }
volumes: { files: }
`;

const stack = new AsyncDisposableStack();
let guest: InhabitedGuest;
let registry: TestRegistry;

afterAll(() => stack.disposeAsync());

beforeEach(async (context) => {
  needsLxc(context);
  needsDocker(context);
  needsRegistry(context);
  if (guest === undefined) await openShop(context);
});

/** A shop that runs 1.0, with something precious in its volume. */
async function openShop(context: Pick<TestContext, 'skip'>): Promise<void> {
  registry = stack.use(await startRegistry());
  const files = { '/srv/engine.sh': ENGINE, '/srv/shop/compose.yaml': shopFile(`${registry.host}/shop/web:1.0`) };
  await release('1.0');
  guest = stack.use(await openInhabitedGuest(context, { services: SERVICES, daemons: ['sh /srv/engine.sh'], files }));
  await eventually(
    'the engine answers',
    async () => await inGuest('docker version').then(Boolean, () => false),
    30_000,
  );
  await inGuest('docker-compose up -d && docker exec shop_web_1 sh -c "echo precious > /data/note"');
}

async function release(tag: string, bad = false): Promise<void> {
  const command = ['sh', '-c', shopProgram(tag, bad)];
  await registry.push(`shop/web:${tag}`, { layer: await imageFiles(), command });
}

const inGuest = (script: string) => guest.inside(`cd /srv/shop && export DOCKER_HOST=unix://${SOCKET} && ${script}`);
const inWeb = () => inGuest('docker exec shop_web_1 cat /version /data/schema /data/note');
const imageLine = () => inGuest('grep image: compose.yaml');

test('an update that works stays, and the snapshot of before is gone', async () => {
  await release('1.1');

  const run = await guest.update('shop');

  expect(run).toMatchObject({ status: 'succeeded' });
  expect(await inWeb()).toBe('1.1\n1.1\nprecious');
  expect(await imageLine()).toContain(`${registry.host}/shop/web:1.1`);
  await guest.expectNothingLeft();
});

test('a bad update is undone by the snapshot of the guest: image, file and volume are of one instant', async () => {
  await release('1.2', true);

  const run = await guest.update('shop');

  expect(run).toMatchObject({ status: 'rolled_back' });
  const undone = run.steps.filter(({ undo }) => undo).map(({ action }) => action);
  expect(undone).toEqual(['restoreSnapshot', 'reseal', 'standby', 'restore', 'revert', 'validate']);
  expect(await inWeb()).toBe('1.1\n1.1\nprecious');
  expect(await imageLine()).toContain(`${registry.host}/shop/web:1.1`);
  await guest.expectNothingLeft();
});
