/** Containers as guests, on a real engine: a snapshot brings image, configuration and data back together. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openPlugin, type PluginHarness } from '#host/harness.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin } from '#plugins/hypervisors/docker/index.ts';
import { type GuestBed, keepsGuests, keepsSnapshots } from '#test/plugins/hypervisors/promises.ts';
import { canRunDocker, IMAGE, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import { withGpuHook } from '#test/support/gpu.ts';
import { type TempDir, tempDir } from '#test/support/tmp.ts';

let engine: TestEngine;
let harness: PluginHarness;

let programs: TempDir;

beforeAll(async () => {
  if (!canRunDocker()) return;
  programs = await tempDir();
  vi.stubEnv('PATH', await withGpuHook(programs.path));
  engine = await startDocker();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await engine?.[Symbol.asyncDispose]();
  await programs?.[Symbol.asyncDispose]();
});
beforeEach(async (context) => {
  needsDocker(context);
  harness = await openPlugin(plugin);
});
afterEach(async () => {
  await harness?.[Symbol.asyncDispose]();
  await engine?.clear();
});

const SLEEP = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'];
const act = (action: string, input: JsonObject = {}) => harness.run(action, { socket: engine.socket }, input);
const inside = (...words: string[]) => engine.docker('exec', 'notes', ...words);
const AT = { guest: 'notes', label: 'autopilot-b7k2', run: 'r1' };

async function openNotes(): Promise<GuestBed> {
  await engine.docker('run', '-d', '--name', 'notes', '-v', 'notes_data:/data', IMAGE, ...SLEEP);
  return {
    act,
    guest: 'notes',
    write: async (text) => void (await inside('sh', '-c', `echo ${text} > /data/text; echo ${text} > /written`)),
    async read() {
      const [data, written] = await Promise.all([inside('cat', '/data/text'), inside('cat', '/written')]);
      return data === written ? data : `${data} and ${written}`;
    },
    async foreignSnapshot(label) {
      await act('snapshot', { ...AT, label, run: 'another' });
      const [record = ''] = (await engine.docker('volume', 'ls', '-q', '--filter', 'name=.record')).split('\n');
      const volumes = await engine.docker('volume', 'ls', '-q', '--filter', 'label=homelab-autopilot.run');
      await engine.docker('volume', 'rm', ...volumes.split('\n'));
      await engine.docker('volume', 'create', record);
    },
    async [Symbol.asyncDispose]() {
      await engine.clear();
    },
  };
}

keepsGuests(openNotes);
keepsSnapshots(openNotes);

/** All that makes the container, without what the engine gives to each new one. */
async function shape(name = 'notes') {
  const [raw] = JSON.parse(await engine.docker('inspect', name)) as Record<string, unknown>[];
  const { Image, Config, HostConfig, Mounts, NetworkSettings } = raw as {
    Image: string;
    Config: object;
    HostConfig: { Binds: unknown; Mounts: unknown };
    Mounts: { Destination: string; Mode: string }[];
    NetworkSettings: {
      Networks: Record<string, { Aliases: string[] | null; MacAddress: string; IPAMConfig: unknown }>;
    };
  };
  const short = String(raw?.['Id']).slice(0, 12);
  const networks = Object.entries(NetworkSettings.Networks).map(([network, { Aliases, MacAddress, IPAMConfig }]) => {
    return [network, { Aliases: Aliases?.filter((one) => one !== short), MacAddress, IPAMConfig }];
  });
  return {
    Image,
    Config,
    // A volume without a name is named now, so that it is the same one: what is mounted is compared below.
    HostConfig: { ...HostConfig, Binds: null, Mounts: null },
    Mounts: Mounts.map((mount) => ({ ...mount, Mode: '' })).toSorted((a, b) =>
      a.Destination < b.Destination ? -1 : 1,
    ),
    networks: Object.fromEntries(networks) as object,
  };
}

/** Makes a container again with an address of its own: the command of today refuses that to an engine of yesterday. */
async function withMac(name: string, mac: string) {
  const [raw] = JSON.parse(await engine.docker('inspect', name)) as { Config: object; HostConfig: object }[];
  const endpoint = { IPAMConfig: { IPv4Address: '10.213.7.5' }, Aliases: ['web'] };
  const body = {
    ...raw?.Config,
    MacAddress: mac,
    HostConfig: raw?.HostConfig,
    NetworkingConfig: { EndpointsConfig: { front: endpoint } },
  };
  await engine.docker('rm', '--volumes', name);
  const options = { socketPath: engine.socket, method: 'POST', path: `/containers/create?name=${name}` };
  const sent = request({ ...options, headers: { 'content-type': 'application/json' } });
  sent.end(JSON.stringify(body));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  expect(response.statusCode).toBe(201);
}

describe('a container with everything', () => {
  const network = async (name: string, subnet: string) =>
    engine.docker('network', 'create', '--internal', '--subnet', subnet, name);

  beforeEach(async () => {
    await network('front', '10.213.7.0/28');
    await network('back', '10.213.7.16/28');
    const words = [
      ...['--name', 'notes', '--hostname', 'notes-host', '--label', 'traefik.enable=true', '--env', 'MODE=prod'],
      ...['--network', 'front', '--network-alias', 'web', '--ip', '10.213.7.5'],
      ...['-v', 'notes_data:/data', '-v', '/nameless', '--mount', 'type=volume,target=/other'],
      ...['--mount', 'type=bind,source=/etc/hostname,target=/host-name,readonly', '--tmpfs', '/scratch:size=1m'],
      ...['--device', '/dev/null:/dev/mine', '--restart', 'unless-stopped', '--memory', '64m', '--cap-drop', 'MKNOD'],
      ...[
        '--health-cmd',
        'true',
        '--health-interval',
        '30s',
        '--stop-timeout',
        '3',
        '--user',
        '0:0',
        '--ulimit',
        'nofile=99',
      ],
      ...[
        '--log-opt',
        'max-size=1m',
        '--add-host',
        'nas:10.0.0.9',
        '--sysctl',
        'net.core.somaxconn=99',
        '--init=false',
      ],
      ...['--gpus', '"device=0","capabilities=utility"', '--device-cgroup-rule', 'c 1:3 mr', '--shm-size', '32m'],
      ...['--runtime', 'io.containerd.runc.v2', '--security-opt', 'no-new-privileges:true', '--group-add', '44'],
      ...['--security-opt', 'seccomp=unconfined', '--cap-add', 'SYS_NICE', '--ipc', 'shareable', '--pid', 'host'],
      ...[
        '--oom-score-adj',
        '100',
        '--cpus',
        '0.5',
        '--cpuset-cpus',
        '0',
        '--pids-limit',
        '100',
        '--memory-swap',
        '96m',
      ],
      ...[
        '--dns',
        '10.213.7.1',
        '--dns-search',
        'example.lan',
        '--dns-option',
        'ndots:2',
        '--domainname',
        'example.lan',
      ],
      ...['--workdir', '/tmp', '--tty', '--interactive', '--expose', '81/udp'],
    ];
    await engine.docker('create', ...words, IMAGE, ...SLEEP);
    await withMac('notes', '02:42:ac:11:00:99');
    await engine.docker('network', 'connect', '--alias', 'db-client', '--ip', '10.213.7.20', 'back', 'notes');
    await engine.docker('start', 'notes');
    await inside('sh', '-c', 'echo one > /data/a; echo two > /nameless/b; echo three > /other/c; mkdir /data/dir');
    await inside('sh', '-c', 'chmod 640 /data/a; chown 1000:1001 /data/a; ln -s a /data/link');
  });
  afterEach(() => engine.clear());

  test('comes back exactly after it was replaced by another image with other data', async () => {
    const before = await shape();
    expect(before).toMatchObject({
      HostConfig: {
        DeviceRequests: [{ DeviceIDs: ['0'], Capabilities: [['utility', 'gpu']] }],
        DeviceCgroupRules: ['c 1:3 mr'],
        Runtime: 'io.containerd.runc.v2',
        ShmSize: 32 << 20,
      },
    });
    const facts = () => inside('sh', '-c', 'stat -c "%n %a %u:%g %F" /data /data/a /data/dir /data/link; cat /data/a');
    const files = await facts();
    const made = await act('snapshot', AT);

    expect(made).toMatchObject({
      snapshot: {
        covers: ['image', 'configuration', 'disk', 'volumes'],
        leavesOut: ['bind mount /etc/hostname'],
      },
      summary: 'image, configuration and 3 volumes; without bind mount /etc/hostname',
    });
    await inside('sh', '-c', 'rm -rf /data/a /data/link /data/dir; echo bad > /data/bad; echo bad > /nameless/b');
    await engine.docker('commit', '--change', 'LABEL bad=yes', 'notes', 'worse:latest');
    await engine.docker('tag', 'worse:latest', IMAGE);
    await engine.docker('rm', '--force', 'notes');
    await engine.docker('run', '-d', '--name', 'notes', '-v', 'notes_data:/data', IMAGE, ...SLEEP);

    await act('restoreSnapshot', AT);

    expect(await shape()).toEqual(before);
    expect(await facts()).toBe(files);
    expect(await inside('sh', '-c', 'cat /nameless/b /other/c; ls /data')).toBe('two\nthree\na\ndir\nlink');
    await act('deleteSnapshot', AT);
    expect(await engine.docker('volume', 'ls', '-q', '--filter', 'name=homelab-autopilot')).toBe('');
    expect(await engine.docker('image', 'ls', '-q', 'homelab-autopilot/*')).toBe('');
    expect(await shape()).toEqual(before);
  });
});
