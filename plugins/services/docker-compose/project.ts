/** A Compose project as the engine knows it: the labels of its containers are the truth, not names that we build. */
import { readdir, realpath } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { AutopilotError, systemCode } from '#kernel/errors.ts';
import { healthOf } from '#sdk/probes/container.ts';
import type { ComposeTools } from './config.ts';
import { type ComposeProject, compose, docker, linesOf } from './docker.ts';
import { type HostPort, hostPort } from './host-port.ts';

const LABEL = 'com.docker.compose';
const LABELS = {
  project: `${LABEL}.project`,
  directory: `${LABEL}.project.working_dir`,
  files: `${LABEL}.project.config_files`,
  service: `${LABEL}.service`,
  oneOff: `${LABEL}.oneoff`,
} as const;

const ProjectName = z.string().regex(/^[a-z0-9][a-z0-9_-]*$/);

const Inspected = z.object({
  id: z.string().regex(/^[0-9a-f]{64}$/),
  name: z.string(),
  image: z.string(),
  imageId: z.string(),
  restart: z.string(),
  restarts: z.int(),
  network: z.string(),
  networks: z.record(
    z.string(),
    z.object({
      IPAddress: z.string().default(''),
      IPAMConfig: z.object({ IPv4Address: z.string().default(''), IPv6Address: z.string().default('') }).nullish(),
    }),
  ),
  ports: z.record(z.string(), z.array(z.object({ HostIp: z.string(), HostPort: z.string() })).nullable()).nullable(),
  labels: z.record(z.string(), z.string()),
  state: z.object({
    Status: z.string(),
    ExitCode: z.int(),
    StartedAt: z.string(),
    Health: z.object({ Status: z.string() }).nullish(),
  }),
  mounts: z.array(
    z.object({
      Type: z.string(),
      Name: z.string().default(''),
      Source: z.string().default(''),
      Destination: z.string(),
    }),
  ),
});
type Inspected = z.output<typeof Inspected>;

export interface Container {
  id: string;
  name: string;
  service: string;
  /** The image as it was written. */
  image: string;
  imageId: string;
  status: string;
  exitCode: number;
  /** Null: the container has no health check. */
  health: string | null;
  /** Restart policy: `no`, `always`, … */
  restart: string;
  /** Another one each time that it was started. */
  start: string;
  /** The id of the container whose network it uses; null: it has its own. */
  networkOf: string | null;
  /** Networks that it is in, with the addresses that it is to have there. */
  networks: { name: string; addresses: string[] }[];
  /** The one that it has now in the first of them that gives it one; null: none. */
  address: string | null;
  /** Ports of the host that it publishes, as far as they are written and not chosen by the engine. */
  ports: HostPort[];
  mounts: { type: string; volume: string; source: string; destination: string }[];
}

export interface Project extends ComposeProject {
  containers: Container[];
}

/** In the order in which Compose looks for them. */
const FILE_NAMES = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];

const OVERRIDES = FILE_NAMES.map((name) => name.replace('.y', '.override.y'));

/** @returns undefined when no container was ever started from the directory, and nobody has told the name. */
export async function findProject(tools: ComposeTools): Promise<Project | undefined> {
  const name = tools.config.project ?? (await nameInLabels(tools));
  return name === undefined ? undefined : projectNamed(tools, name);
}

/** The same, for who cannot do without. */
export async function requireProject(tools: ComposeTools): Promise<Project> {
  const project = await findProject(tools);
  if (project !== undefined) return project;
  await requireComposeFile(tools);
  const { path } = tools.config;
  throw new AutopilotError('HA_NOT_FOUND', `${tools.name}: Docker has no container of the project in ${path}`, {
    next: `start it there with  docker compose up -d  , or name it as \`project\` if it was started from elsewhere`,
  });
}

export async function projectNamed(tools: ComposeTools, name: string): Promise<Project> {
  const ids = linesOf(await docker(tools, ['ps', '-aq', '--no-trunc', ...withLabels(`${LABELS.project}=${name}`)]));
  const found = ids.length === 0 ? [] : await inspect(tools, ids);
  const directory = tools.config.path;
  return {
    name,
    directory,
    files: await filesInLabels(directory, found),
    containers: found.map(toContainer).toSorted((a, b) => (a.service < b.service ? -1 : 1)),
  };
}

/**
 * Has Compose read its files, and tells all service names of the project. It fails with Compose's own words when
 * there is something wrong with them.
 */
export async function serviceNames(tools: ComposeTools, project: Project): Promise<string[]> {
  if (project.files.length === 0) await requireComposeFile(tools);
  try {
    const listed = linesOf(await compose(tools, project, { words: ['config', '--services'] }));
    // A service behind a profile is not listed, though it may run.
    return [...new Set([...listed, ...servicesOf(project.containers)])].toSorted();
  } catch (cause) {
    if (!(cause instanceof AutopilotError) || cause.code !== 'HA_COMMAND_FAILED') throw cause;
    throw new AutopilotError('HA_CONFIG_INVALID', `${tools.name}: ${cause.message}`, {
      cause,
      next: `correct the compose file in ${tools.config.path};  docker compose config  there checks it`,
    });
  }
}

/** Without one in the directory, Compose would take one from a directory above. */
async function requireComposeFile(tools: ComposeTools): Promise<void> {
  const { path } = tools.config;
  const names = await readdir(path).catch((cause: unknown) => {
    const next = 'correct `path` of the service';
    throw new AutopilotError('HA_SOURCE_MISSING', `${tools.name}: cannot read ${path} (${systemCode(cause)})`, {
      cause,
      next,
    });
  });
  if (FILE_NAMES.some((name) => names.includes(name))) return;
  throw new AutopilotError('HA_SOURCE_MISSING', `${tools.name}: ${path} has no compose file`, {
    next: `it must hold one of ${FILE_NAMES.join(', ')}; correct \`path\` of the service`,
  });
}

/** The compose files of a project, also when it leaves it to Compose to find them: the later ones over the earlier ones. */
export async function composeFiles({ files, directory }: ComposeProject): Promise<string[]> {
  if (files.length > 0) return [...files];
  const names = await readdir(directory).catch((): string[] => []);
  const main = FILE_NAMES.find((name) => names.includes(name));
  const override = OVERRIDES.find((name) => names.includes(name));
  return [main, override].flatMap((name) => (name === undefined ? [] : [join(directory, name)]));
}

async function nameInLabels(tools: ComposeTools): Promise<string | undefined> {
  const format = `[{{json (.Label "${LABELS.project}")}},{{json (.Label "${LABELS.directory}")}}]`;
  const rows = linesOf(await docker(tools, ['ps', '-a', '--format', format, ...withLabels(LABELS.project)]));
  const here = await realPath(tools.config.path);
  const names = new Set<string>();
  for (const row of rows) {
    const [name, directory] = z.tuple([z.string(), z.string()]).parse(JSON.parse(row));
    if (here !== undefined && (await realPath(directory)) === here) names.add(ProjectName.parse(name));
  }
  const [name, ...others] = names;
  if (others.length === 0) return name;
  const all = [...names].toSorted().join(', ');
  throw new AutopilotError(
    'HA_CONFIG_INVALID',
    `${tools.name}: several projects run from ${tools.config.path}: ${all}`,
    {
      next: 'name the one that is meant as `project` of the service',
    },
  );
}

/** Containers of `compose run` are not part of what a project keeps running. */
function withLabels(label: string): string[] {
  return ['--filter', `label=${label}`, '--filter', `label=${LABELS.oneOff}=False`];
}

async function inspect(tools: ComposeTools, ids: readonly string[]): Promise<Inspected[]> {
  const fields = {
    id: '.Id',
    name: '.Name',
    image: '.Config.Image',
    imageId: '.Image',
    restart: '.HostConfig.RestartPolicy.Name',
    restarts: '.RestartCount',
    network: '.HostConfig.NetworkMode',
    networks: '.NetworkSettings.Networks',
    ports: '.HostConfig.PortBindings',
    labels: '.Config.Labels',
    state: '.State',
    mounts: '.Mounts',
  };
  const members = Object.entries(fields).map(([key, field]) => `"${key}":{{json ${field}}}`);
  const printed = await docker(tools, ['container', 'inspect', '--format', `{${members.join(',')}}`, ...ids]);
  return linesOf(printed).map((line) => Inspected.parse(JSON.parse(line)));
}

function toContainer(inspected: Inspected): Container {
  const { id, image, imageId, restart, restarts, network, networks, ports, labels, state, mounts } = inspected;
  return {
    id,
    name: inspected.name.replace(/^\//, ''),
    service: labels[LABELS.service] ?? '',
    image,
    imageId,
    status: state.Status,
    exitCode: state.ExitCode,
    health: healthOf(state.Health),
    restart,
    start: `${state.StartedAt} ${restarts}`,
    networkOf: network.startsWith('container:') ? network.slice('container:'.length) : null,
    networks: Object.entries(networks).map(([name, { IPAMConfig }]) => ({
      name,
      addresses: [IPAMConfig?.IPv4Address ?? '', IPAMConfig?.IPv6Address ?? ''].filter((one) => one !== ''),
    })),
    address: Object.values(networks).find(({ IPAddress }) => IPAddress !== '')?.IPAddress ?? null,
    ports: Object.entries(ports ?? {}).flatMap(([inner, bindings]) =>
      (bindings ?? []).flatMap(({ HostIp, HostPort: port }) => hostPort(HostIp, port, inner.split('/')[1] ?? 'tcp')),
    ),
    mounts: mounts.map(({ Type, Name, Source, Destination }) => ({
      type: Type,
      volume: Name,
      source: Source,
      destination: Destination,
    })),
  };
}

/** The files that the containers were made from, as long as all of them are still there. */
async function filesInLabels(directory: string, containers: readonly Inspected[]): Promise<string[]> {
  const written = containers.map(({ labels }) => labels[LABELS.files] ?? '').find((files) => files !== '');
  const files = (written ?? '').split(',').filter((file) => file !== '');
  const paths = files.map((file) => (isAbsolute(file) ? file : join(directory, file)));
  const there = await Promise.all(paths.map(async (path) => (await realPath(path)) !== undefined));
  return there.every(Boolean) ? paths : [];
}

/** The Compose services of containers, each once. */
export function servicesOf(containers: readonly Pick<Container, 'service'>[]): string[] {
  return [...new Set(containers.map(({ service }) => service))];
}

/** @returns undefined when nothing is there. */
export async function realPath(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined);
}
