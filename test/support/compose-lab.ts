/** A homelab with one Compose project that comes from a real registry, on a real engine: for tests of its updates. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import type { FaultPoint } from '#kernel/fault.ts';
import {
  canRunDocker,
  composePlugin,
  IMAGE,
  imageFiles,
  needsDocker,
  startDocker,
  type TestEngine,
} from '#test/support/docker.ts';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';
import { hasTool } from '#test/support/needs.ts';
import { needsRegistry, REGISTRY_USER, startRegistry, type TestRegistry } from '#test/support/registry.ts';
import type { Pushed } from '#test/support/registry-images.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

export interface ComposeLab extends AsyncDisposable {
  engine: TestEngine;
  registry: TestRegistry;
  lab: TestHomelab;
  /** The directory of the project. */
  project: string;
  /** Where orders for faults are put: `POINT~ACTION~N`. */
  faults: string;
  /** The image of the web service, without its tag. Each shop has a repository of its own. */
  image(): string;
  /**
   * A new shop that runs 1.0 with something precious in its volume, and nothing newer in its registry. What ran before
   * is gone. `file` gives the compose file from the image, `first` says what 1.0 is.
   */
  open(file?: (image: string) => string, first?: ReleaseWish): Promise<void>;
  /** Puts a version into the registry: it marks the data as its own when it starts; a bad one spoils it. */
  release(tag: string, wish?: ReleaseWish): Promise<Pushed>;
  /** A run of a workflow on the shop, to its end. */
  run(workflow: string, input?: string[], service?: string): Promise<RunDetail>;
  /** A run of a workflow on the shop that has come to a point for the n-th time, and waits there until it is let go on. */
  heldAt(workflow: string, at: { point: FaultPoint; passage?: number }, input?: string[]): Promise<HeldRun>;
  /** The id of the container of a Compose service, whether it runs or not. */
  container(service?: string): Promise<string>;
  inWeb(...words: string[]): Promise<string>;
  /** The id of the image that the web service runs. */
  runningImage(): Promise<string>;
  /** A file of the project's directory. */
  written(file: string): Promise<string>;
}

export interface HeldRun {
  goOn(): Promise<void>;
  ended: Promise<RunDetail>;
}

export interface ReleaseWish {
  bad?: boolean;
  /** The tag that is to point to it. */
  as?: string;
  platforms?: readonly string[];
  /** The command of the image instead of the usual one. */
  command?: readonly string[];
  /** Shell commands that run before the usual ones. */
  first?: string;
  /** Megabytes that cannot be packed any smaller, instead of programs. */
  noise?: number;
}

export interface ComposeLabWish {
  /** YAML of `updates:`; REGISTRY stands for the registry's name. */
  updates?: string;
  /** YAML of the shop's own keys, besides name, type, place and backup; SOCKET stands for the engine's. */
  shop?: string;
  /** YAML of more services; SOCKET stands for the engine's. */
  more?: string;
  /** YAML of one more destination. */
  destinations?: string;
  /** How much room the engine has for all that it keeps: `48m`. */
  room?: string;
  /** Whether `docker compose` is called instead of `docker-compose`. */
  plugin?: boolean;
  /**
   * Whether the registry wants a password. The program finds it in Docker's own file, under the name `localhost:PORT`;
   * the test itself may enter under both names.
   */
  password?: boolean;
}

/** A run has come far in a few seconds; a machine that has much else to do is given time. */
const HELD_MS = 300_000;

export const canRunCompose = () => canRunDocker() && hasTool('docker-registry');

/** First line of a `beforeEach`. */
export function needsCompose(context: Pick<TestContext, 'skip'>): void {
  needsDocker(context);
  needsRegistry(context);
}

/** As its owner wrote it. */
export function shopFile(image: string, { web = '', more = '' } = {}): string {
  return `# The shop, as its owner wrote it.
services:
  web:
    image: "${image}"   # one image
    ${web === '' ? 'network_mode: none' : web}
    init: true
    restart: unless-stopped
    stop_grace_period: 1s
    volumes: ["files:/data"]
    environment: { COLOUR: "\${COLOUR}" }
    healthcheck: { test: [CMD, sh, -c, 'test "$$(cat /data/schema)" = "$$(cat /version)"'], interval: 1s, retries: 1 }
  setup: { image: "${IMAGE}", network_mode: none, command: ["true"] }
${more}volumes: { files: }
`;
}

/** What a version does when it starts: it marks the data as its own; a bad one spoils it. */
export function shopProgram(tag: string, bad = false): string {
  const deed = bad ? 'echo spoiled > /data/schema; rm -f /data/note' : `echo ${tag} > /data/schema`;
  return `echo ${tag} > /version; ${deed}; exec sleep 1000`;
}

const configOf = (
  { engine: { socket }, registry: { host } }: Pick<ComposeLab, 'engine' | 'registry'>,
  { updates, shop = '', more = '', destinations }: ComposeLabWish,
) => `version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations: { usb: { type: local, path: DIR/usb }${destinations === undefined ? '' : `, ${destinations}`} }
updates: ${updates?.replaceAll('REGISTRY', host) ?? '{ policy: minor, min_age: 0s, gate: { timeout: 8s, stable_for: 500ms } }'}
services:
  - name: shop
    type: docker-compose
    path: ./shop
    project: shop
    socket: ${socket}
    backup: { destinations: [usb], retention: { keep_last: 3 }, quiesce: { timeout: 20s } }
${shop === '' ? '' : `    ${shop.replaceAll('SOCKET', socket)}\n`}${more.replaceAll('SOCKET', socket)}`;

/** `HOMELAB_AUTOPILOT_FAULTS` and `HOME` must be unset again by who starts it, with `vi.unstubAllEnvs`. */
export async function startComposeLab(
  wish: ComposeLabWish = {},
  setEnv: (name: string, value: string) => void = () => undefined,
): Promise<ComposeLab> {
  await using stack = new AsyncDisposableStack();
  const engine = stack.use(await startDocker({ room: wish.room }));
  const registry = stack.use(await startRegistry({ password: wish.password === true }));
  const lab = stack.use(await startHomelab(configOf({ engine, registry }, wish)));
  const layer = await imageFiles();
  const faults = join(lab.dir, 'faults');
  await mkdir(faults);
  setEnv('HOMELAB_AUTOPILOT_FAULTS', faults);
  if (wish.plugin === true) setEnv('HOME', await composePlugin(join(lab.dir, 'home')));
  if (wish.password === true) setEnv('DOCKER_CONFIG', await loggedIn(lab, 'docker', [nameOf(registry)]));
  await lab.start(['up', '--port', '0']);
  if (wish.password === true) {
    setEnv('DOCKER_CONFIG', await loggedIn(lab, 'docker-of-the-test', [registry.host, nameOf(registry)]));
  }
  let repository = 0;
  const run: ComposeLab['run'] = (workflow, input, service = 'shop') => lab.run(workflow, service, input);
  const project = join(lab.dir, 'shop');
  const image = () => `${registry.host}/shop/web${repository}`;
  const container: ComposeLab['container'] = async (service = 'web') =>
    engine.docker('ps', '-aq', '--no-trunc', '--filter', `label=com.docker.compose.service=${service}`);
  const inWeb = async (...words: string[]) => engine.docker('exec', await container(), ...words);
  const release: ComposeLab['release'] = async (tag, wished = {}) => {
    const { bad = false, as = tag, platforms = ['linux/amd64'], first = 'true' } = wished;
    const command = wished.command ?? ['sh', '-c', `${first}; ${shopProgram(tag, bad)}`];
    const files = wished.noise === undefined ? layer : await noise(wished.noise);
    return registry.push(`shop/web${repository}:${as}`, { layer: files, platforms, command });
  };
  const owned = stack.move();
  return {
    engine,
    registry,
    lab,
    project,
    faults,
    image,
    release,
    container,
    inWeb,
    async open(file = shopFile, first = {}) {
      await engine.clear();
      await rm(project, { recursive: true, force: true });
      repository += 1;
      await release('1.0', first);
      await lab.write('shop/compose.yaml', file(`${image()}:1.0`));
      await lab.write('shop/.env', 'COLOUR=blue\n');
      await engine.compose(project, 'up', '-d');
      await inWeb('sh', '-c', 'echo precious > /data/note');
    },
    run,
    async heldAt(workflow, { point, passage = 1 }, input) {
      await writeFile(join(faults, `${point}~hold~${passage}`), '');
      const ended = run(workflow, input);
      const held = join(faults, `held~${point}`);
      await eventually(`${workflow} is held at ${point}`, () => existsSync(held), HELD_MS);
      return { goOn: () => rm(held), ended };
    },
    runningImage: async () => engine.docker('inspect', '--format', '{{.Image}}', await container()),
    written: async (file) => readFile(join(project, file), 'utf8'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The same registry by another name. */
function nameOf({ host }: Pick<TestRegistry, 'host'>): string {
  return host.replace('127.0.0.1', 'localhost');
}

/** @returns a directory with what `docker login` has written down for these registries. */
async function loggedIn(lab: TestHomelab, folder: string, registries: readonly string[]): Promise<string> {
  const { username, password } = REGISTRY_USER;
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  const auths = Object.fromEntries(registries.map((name) => [name, { auth }]));
  return dirname(await lab.write(`${folder}/config.json`, JSON.stringify({ auths })));
}

/** A layer of one file. */
async function noise(megabytes: number): Promise<Buffer> {
  await using folder = await tempDir();
  await writeFile(join(folder.path, 'noise'), randomBytes(megabytes << 20));
  const options = { encoding: 'buffer', maxBuffer: (megabytes + 1) << 20 } as const;
  return (await promisify(execFile)('tar', ['-C', folder.path, '-cf', '-', 'noise'], options)).stdout;
}
