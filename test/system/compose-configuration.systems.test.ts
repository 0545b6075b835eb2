/** Everything that a compose file can say of a container is the same after an update, a rollback, and making it anew. */
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type ComposeLab, canRunCompose, needsCompose, shopFile, startComposeLab } from '#test/support/compose-lab.ts';
import { composeShape } from '#test/support/container-shape.ts';
import { withGpuHook } from '#test/support/gpu.ts';
import { type TempDir, tempDir } from '#test/support/tmp.ts';

let it: ComposeLab;
let programs: TempDir;

beforeAll(async () => {
  if (!canRunCompose()) return;
  programs = await tempDir();
  vi.stubEnv('PATH', await withGpuHook(programs.path));
  it = await startComposeLab({}, vi.stubEnv);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await it?.[Symbol.asyncDispose]();
  await programs?.[Symbol.asyncDispose]();
});
beforeEach(needsCompose);

const WEB = `mac_address: "02:42:0a:d5:09:0a"
    networks: { inner: { ipv4_address: 10.213.9.10, aliases: [shop.lan] }, outer: { ipv4_address: 10.213.9.26 } }
    ports: ["127.0.0.1:18097:80"]
    expose: ["81/udp"]
    labels: { owner: me }
    hostname: shop-host
    domainname: example.lan
    user: "0:0"
    working_dir: /tmp
    tty: true
    stdin_open: true
    deploy: { resources: { reservations: { devices: [{ driver: nvidia, device_ids: ["0"], capabilities: [gpu, utility] }] } } }
    devices: ["/dev/null:/dev/xnull:rw"]
    device_cgroup_rules: ["c 1:3 mr"]
    runtime: io.containerd.runc.v2
    shm_size: 32m
    sysctls: { net.core.somaxconn: 99 }
    ulimits: { nofile: { soft: 512, hard: 1024 }, nproc: 4096 }
    tmpfs: ["/scratch:size=1m,mode=700"]
    cap_add: [SYS_NICE]
    cap_drop: [MKNOD]
    security_opt: ["no-new-privileges:true", "seccomp:unconfined"]
    group_add: ["44"]
    ipc: shareable
    pid: host
    oom_score_adj: 100
    mem_limit: 64m
    mem_reservation: 32m
    memswap_limit: 96m
    cpus: 0.5
    cpu_shares: 512
    cpuset: "0"
    pids_limit: 100
    dns: [10.213.9.1]
    dns_search: [example.lan]
    dns_opt: ["ndots:2"]
    extra_hosts: ["nas:10.0.0.9"]
    logging: { driver: json-file, options: { max-size: 1m } }
    stop_signal: SIGQUIT`;

const MORE = `networks:
  inner: { ipam: { config: [{ subnet: 10.213.9.0/28 }] } }
  outer: { ipam: { config: [{ subnet: 10.213.9.16/28 }] } }
`;

const MOUNTS = `[
      "files:/data",
      "/cache",
      "./conf:/conf:ro",
      { type: tmpfs, target: /quick, tmpfs: { size: 1048576 } },
      { type: volume, source: files, target: /again, read_only: true, volume: { nocopy: true } },
    ]`;

const file = (image: string) => shopFile(image, { web: WEB, more: MORE }).replace('["files:/data"]', MOUNTS);
const shape = async () => composeShape(it.engine, await it.container());

/** What a compose file of such a service has, and is lost where somebody makes the container from a part of what is known. */
const TOLD = {
  host: {
    DeviceRequests: [{ Driver: 'nvidia', Count: 0, DeviceIDs: ['0'], Capabilities: [['gpu', 'utility']], Options: {} }],
    Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/xnull', CgroupPermissions: 'rw' }],
    DeviceCgroupRules: ['c 1:3 mr'],
    Runtime: 'io.containerd.runc.v2',
    ShmSize: 32 << 20,
    Sysctls: { 'net.core.somaxconn': '99' },
    Tmpfs: { '/scratch': 'size=1m,mode=700' },
    CapAdd: ['SYS_NICE'],
    CapDrop: ['MKNOD'],
    GroupAdd: ['44'],
    IpcMode: 'shareable',
    PidMode: 'host',
    OomScoreAdj: 100,
    PidsLimit: 100,
  },
};

test('GPUs, devices, limits, rights, addresses and mounts survive an update, a bad one, and a rollback by hand', async () => {
  await it.open(file);
  await it.inWeb('sh', '-c', 'echo warm > /cache/warm');
  const before = await shape();
  expect(before).toMatchObject(TOLD);
  await it.release('1.1');
  await it.release('1.8', { bad: true });

  const update = await it.run('update', ['to=1.1']);
  const updated = [await it.inWeb('cat', '/version', '/data/note'), await shape()];
  const failed = await it.run('update');
  const undone = [await it.inWeb('cat', '/version', '/data/note'), await shape()];
  const rollback = await it.run('rollback');

  expect([update.status, failed.status, rollback.status]).toEqual(['succeeded', 'rolled_back', 'succeeded']);
  expect(updated).toEqual(['1.1\nprecious', before]);
  expect(undone).toEqual(['1.1\nprecious', before]);
  expect([await it.inWeb('cat', '/data/note', '/cache/warm'), await shape()]).toEqual(['precious\nwarm', before]);
});

test('a container that somebody removes while it is stopped is made anew with the same GPUs, devices and limits', async () => {
  // Of a volume without a name nobody knows any more which one it was.
  await it.open((image) => file(image).replace(/ *"\/cache",\n/, ''));
  const before = await shape();
  await it.release('1.2');
  const { goOn, ended } = await it.heldAt('update', { point: 'capture.middle' });

  await it.engine.docker('rm', '--force', await it.container());
  await goOn();
  const update = await ended;

  expect(update).toMatchObject({ status: 'succeeded' });
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.2\nprecious');
  expect(await shape()).toEqual(before);
});
