/** A whole homelab in a temporary folder: real processes, supervised as `up` supervises them, and hands on each of them. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectController } from '#app/connect.ts';
import { openHistory } from '#app/history.ts';
import { controllerProcess, redisProcess, workerProcess } from '#app/processes.ts';
import type { Settings } from '#app/settings.ts';
import { loadSettings } from '#app/settings.ts';
import type { ProcessSpec, Supervised } from '#app/supervisor.ts';
import { supervise } from '#app/supervisor.ts';
import type { RemoteController } from '#engine/requests.ts';
import { managedSocket } from '#queue/managed-redis.ts';
import type { History } from '#store/history.ts';
import type { Proxy } from '#test/chaos/proxy.ts';
import { openProxy } from '#test/chaos/proxy.ts';
import { FIRST_CONTENT, files } from '#test/fixtures/drill/world.ts';
import { root } from '#test/support/sources.ts';
import { tempDir } from '#test/support/tmp.ts';

export interface LabService {
  name: string;
  host: string;
  folder: string;
}

export interface LabWish {
  services: number;
  /** So many more, each in a guest of a hypervisor with a worker of its own. Default: none. */
  guests?: number;
  /** One worker process for each entry; a host named twice has two. */
  workers?: readonly string[];
  /** Lines of YAML added to the configuration. */
  more?: string;
  /** Where the state and the services live; default: in the temporary folder. */
  stateDir?: string;
  worldDir?: string;
}

export interface Lab extends AsyncDisposable {
  dir: string;
  stateDir: string;
  /** Where orders for fault points are put. */
  orders: string;
  services: readonly LabService[];
  guests: readonly LabService[];
  /** What the hypervisor has of its guests. */
  guestsFile: string;
  settings: Settings;
  /** Between the workers and Redis. */
  proxy: Proxy;
  pids(): Record<string, number>;
  /** Opened anew at each call: a history file may be exchanged. */
  history(): (History & Disposable) | null;
  connect(): Promise<RemoteController>;
  deaths: { name: string; how: string; at: number; pid: number | undefined }[];
  /** Ends all processes in order, as `up` does when it is told to stop. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

const DRILL = join(root, 'test', 'fixtures', 'drill');

export async function openLab(wish: LabWish): Promise<Lab> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir()).path;
  const stateDir = wish.stateDir ?? join(dir, 's');
  const world = wish.worldDir ?? join(dir, 'world');
  const services = await makeServices(wish, world);
  const guests = await makeServices({ services: wish.guests ?? 0 }, world, 'g');
  const guestsFile = join(dir, 'guests.json');
  const rows = guests.map(({ name }) => ({ id: name, name, type: 'container', state: 'running' }));
  await writeFile(guestsFile, JSON.stringify(rows));
  const orders = join(dir, 'orders');
  await mkdir(orders);
  await mkdir(join(dir, 'usb'));
  await symlink(join(DRILL, 'plugins.d'), join(dir, 'plugins.d'));
  const proxy = stack.use(await openProxy(managedSocket(stateDir)));
  const text = configuration({ dir, stateDir, services, guests, guestsFile, more: wish.more ?? '' });
  const config = await writeConfig(join(dir, 'lab.yaml'), text);
  const workerConfig = await writeConfig(
    join(dir, 'lab-worker.yaml'),
    `${text}redis: { url: "redis://127.0.0.1:${proxy.port}" }\n`,
  );
  const settings = await loadSettings({ config });
  const deaths: Lab['deaths'] = [];
  const env = { HOMELAB_AUTOPILOT_FAULTS: orders, HOMELAB_AUTOPILOT_WORKFLOWS: join(DRILL, 'workflows') };
  let supervised: Supervised | undefined;
  const pids = () => supervised?.pids() ?? {};
  const start = async () => {
    supervised = await supervise(
      processes({ stateDir, config, workerConfig, env, workers: wish.workers ?? ['nas'], guests }),
      {
        onDeath: ({ name, how }) => deaths.push({ name, how, at: Date.now(), pid: pids()[name] }),
        onRestart: () => undefined,
        // Here every death is ours: a pause that grows would only make the drill longer.
        pausesMs: [100],
      },
    );
  };
  const stop = async () => {
    await supervised?.[Symbol.asyncDispose]();
    supervised = undefined;
  };
  stack.defer(stop);
  await start();
  const owned = stack.move();
  return {
    dir,
    stateDir,
    orders,
    services,
    guests,
    guestsFile,
    settings,
    proxy,
    deaths,
    pids,
    history: () => openHistory(settings),
    connect: () => connectController(settings),
    stop,
    start,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function makeServices(
  { services, workers = ['nas'] }: Pick<LabWish, 'services' | 'workers'>,
  world: string,
  letter = 's',
): Promise<LabService[]> {
  const hosts = [...new Set(workers)];
  const made = Array.from({ length: services }, (_, index) => ({
    name: `${letter}${index}`,
    host: hosts[index % hosts.length] ?? 'nas',
    folder: join(world, `${letter}${index}`),
  }));
  for (const { folder } of made) {
    await mkdir(folder, { recursive: true });
    await writeFile(files.content(folder), FIRST_CONTENT);
  }
  return made;
}

async function writeConfig(file: string, text: string): Promise<string> {
  await writeFile(file, text, { mode: 0o600 });
  return file;
}

interface Written {
  dir: string;
  stateDir: string;
  services: readonly LabService[];
  guests: readonly LabService[];
  guestsFile: string;
  more: string;
}

function configuration(lab: Written): string {
  const service = ({ name, host, folder }: LabService, backup: string, more = '') =>
    `  - { name: ${name}, type: ledger, host: ${host}, folder: ${folder}, backup: ${backup}${more} }`;
  const hosts = [...new Set(['nas', ...lab.services.map(({ host }) => host)])];
  return [
    'version: 1',
    `global: { host: nas, state_dir: ${lab.stateDir}, log_dir: ${join(lab.dir, 'log')}, log_level: warn, timeout: 60s,`,
    '  priority: { nice: 0, ionice: none }, parallelism: { backups: 64, updates: 64 } }',
    `hosts: { ${hosts.map((host) => `${host}: {}`).join(', ')} }`,
    `destinations: { usb: { type: local, path: ${join(lab.dir, 'usb')} } }`,
    'backup: { destinations: [usb], retention: { keep_last: 1, min_keep: 1 } }',
    'updates: { gate: { timeout: 10s, stable_for: 0s } }',
    ...(lab.guests.length === 0 ? [] : [`hypervisors: { shelf: { type: shelf, file: ${lab.guestsFile} } }`]),
    'services:',
    ...lab.services.map((one) => service(one, '{}')),
    ...lab.guests.map((one) => {
      const backup = `{ guest: true, drill: { guest: { spare: ${one.name}-copy } } }`;
      return service(one, backup, `, guest: { hypervisor: shelf, id: ${one.name} }`);
    }),
    lab.more,
    '',
  ].join('\n');
}

interface ProcessPlan {
  stateDir: string;
  config: string;
  workerConfig: string;
  env: Record<string, string>;
  workers: readonly string[];
  guests: readonly LabService[];
}

function processes({ stateDir, config, workerConfig, env, workers, guests }: ProcessPlan): ProcessSpec[] {
  const worker = (host: string, index: number): ProcessSpec => ({
    ...workerProcess({ config: workerConfig, host, env }, 'service'),
    name: `worker-${index}`,
  });
  const controller = controllerProcess({ config, host: 'nas', env }, { port: null, onUrl: () => undefined });
  const hypervisor = { ...workerProcess({ config: workerConfig, host: 'nas', env }, 'hypervisor'), name: 'hypervisor' };
  return [redisProcess(stateDir), controller, ...workers.map(worker), ...(guests.length === 0 ? [] : [hypervisor])];
}
