/** The databases of a project: dumped in their containers by their own tools, and put back before the rest starts. */
import { relative, resolve } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import { nearest } from '#kernel/nearest.ts';
import type { InputOf, OutputOf } from '#sdk/contract.ts';
import { type Configured, dumpAll, loadAll, matchedDumps } from '#sdk/databases/databases.ts';
import type { DatabaseEntry, ServerEntry } from '#sdk/databases/entry.ts';
import { leaveOut, leaveOutTrees } from '#sdk/databases/files.ts';
import { endTry, reportOf, tryAll } from '#sdk/databases/scratch/try.ts';
import { toldDumps } from '#sdk/databases/told.ts';
import type { Source, service } from '#sdk/kinds/service.ts';
import { isBelow } from '#sdk/mounts.ts';
import type { ComposeTools } from './config.ts';
import { coverageOf, isExcluded } from './coverage.ts';
import { type ComposeProject, compose } from './docker.ts';
import { type Project, projectNamed, requireProject, servicesOf } from './project.ts';
import { detailOf } from './release.ts';
import { putImages } from './update.ts';

type Actions = (typeof service)['actions'];

/** Where the images of each vendor, and those that are made after them, keep their data. */
const DATA_DIRECTORIES: Record<ServerEntry['type'], readonly string[]> = {
  postgresql: ['/var/lib/postgresql', '/var/lib/pgsql', '/bitnami/postgresql'],
  mariadb: ['/var/lib/mysql', '/bitnami/mariadb', '/config/databases'],
  mysql: ['/var/lib/mysql', '/bitnami/mysql'],
  mongodb: ['/data/db', '/data/configdb', '/bitnami/mongodb'],
  redis: ['/data', '/var/lib/redis', '/bitnami/redis'],
  valkey: ['/data', '/var/lib/valkey', '/bitnami/valkey'],
};

const START_MS = 900_000;

/** Compose services with a database that is dumped. */
export function databaseServices({ config: { backup } }: ComposeTools): string[] {
  return backup.databases.flatMap((entry) => (entry.type === 'sqlite' ? [] : (entry.container ?? [])));
}

/**
 * What a backup holds: of databases that are dumped while they run not their files, and of SQLite never its files,
 * since it can always be dumped.
 */
export async function sourcesOf(
  tools: ComposeTools,
  project: Project,
  { dumped }: { dumped: boolean },
): Promise<{ sources: Source[]; leftOut: string[] }> {
  const { paths, leftOut } = await coverageOf(tools, project);
  const { databases, exclude } = tools.config.backup;
  const all = paths.map((path) => ({ path, exclude }));
  const files = databases.flatMap((entry) => (entry.type === 'sqlite' ? [fileOf(tools, entry.path)] : []));
  const trees = dumped ? databases.flatMap((entry) => dataOf(project, entry)) : [];
  return { sources: leaveOutTrees(leaveOut(all, files), trees), leftOut };
}

export function fileOf({ config }: ComposeTools, path: string): string {
  return resolve(config.path, path);
}

/** The directories of this host in which a database of a container keeps its data. */
function dataOf(project: Project, entry: DatabaseEntry): string[] {
  if (entry.type === 'sqlite') return [];
  const known = DATA_DIRECTORIES[entry.type];
  const mounts = project.containers
    .filter(({ service: name }) => name === entry.container)
    .flatMap((one) => one.mounts.filter(({ type }) => type === 'volume' || type === 'bind'));
  const data = mounts.filter(({ destination }) =>
    known.some((place) => isBelow(destination, place) || (destination !== '/' && isBelow(place, destination))),
  );
  return data.map(({ source }) => source).filter((source) => source !== '');
}

/** Whether the files of a database are captured with all the rest, when all is at rest. */
async function keptAtRest(tools: ComposeTools, project: Project): Promise<(entry: DatabaseEntry) => boolean> {
  const { paths } = await coverageOf(tools, project);
  const { exclude } = tools.config.backup;
  const isKept = (tree: string) =>
    paths.some((path) => isBelow(tree, path) && !isExcluded(relative(path, tree), exclude));
  return (entry) => {
    const trees = dataOf(project, entry);
    return trees.length > 0 && trees.every(isKept);
  };
}

export function configured(tools: ComposeTools, project: Project): Configured {
  return {
    entries: tools.config.backup.databases,
    file: (path) => fileOf(tools, path),
    container: async (name) => ({ name, id: containerOf(tools, project, name), socket: tools.config.socket }),
  };
}

function containerOf({ name }: ComposeTools, { containers }: Project, wanted: string): string {
  const mine = containers.filter(({ service: one }) => one === wanted);
  const found = mine.find(({ status }) => status === 'running') ?? mine[0];
  if (found !== undefined) return found.id;
  const there = servicesOf(containers);
  const meant = nearest(wanted, there);
  const message = `${name}: backup.databases names the container ${wanted}, and no Compose service of this name has one`;
  throw new AutopilotError('HA_NOT_FOUND', meant === undefined ? message : `${message}; did you mean ${meant}?`, {
    next: `its services are ${there.join(', ') || 'not there yet'}`,
  });
}

export async function dump(
  tools: ComposeTools,
  { directory, level, shareable = false, all, missing }: InputOf<Actions['dump']>,
): Promise<OutputOf<Actions['dump']>> {
  const project = await requireProject(tools);
  const around = configured(tools, project);
  const isKept = await keptAtRest(tools, project);
  const atRest = (entry: DatabaseEntry) => all === true && isKept(entry);
  const entries = around.entries.filter((entry) => missing !== true || !atRest(entry));
  const dumps = await dumpAll(tools, { ...around, entries }, { directory, level, shareable, atRest });
  return { dumps, summary: toldDumps(dumps), warnings: [] };
}

/** Those of servers outside of the project: its own come into the copy of it that is started. */
export async function tryDumps(
  tools: ComposeTools,
  wish: InputOf<Actions['tryDumps']>,
): Promise<OutputOf<Actions['tryDumps']>> {
  const around = configured(tools, await requireProject(tools));
  const matched = matchedDumps(around, wish.dumps);
  const inside = matched.filter(({ entry }) => isOfCopy(entry)).map(({ dump }) => dump);
  const outside = matched.filter(({ entry }) => !isOfCopy(entry)).map(({ dump }) => dump);
  const report = reportOf(await tryAll(tools, around, { ...wish, dumps: outside }));
  if (inside.length === 0) return report;
  const later = `${toldDumps(inside)}: with the copy that is started`;
  return { ...report, summary: outside.length === 0 ? later : `${report.summary}; ${later}` };
}

/** Whether a copy of the project has this database of its own. */
export function isOfCopy(entry: DatabaseEntry): boolean {
  return entry.type === 'sqlite' || entry.container !== undefined;
}

export async function endTryDumps(
  tools: ComposeTools,
  { trial }: InputOf<Actions['endTryDumps']>,
): Promise<OutputOf<Actions['endTryDumps']>> {
  const { backup, socket } = tools.config;
  await endTry(tools, { entries: backup.databases, socket }, trial);
  return { summary: 'nothing of it is left' };
}

/** Only the servers are started for it, with the images of the release: nobody else may write meanwhile. */
export async function load(
  tools: ComposeTools,
  { directory, dumps, release, image, registries, check }: InputOf<Actions['load']>,
): Promise<OutputOf<Actions['load']>> {
  const detail = detailOf(release);
  const before = await projectNamed(tools, detail.project);
  const entries = matchedDumps(configured(tools, before), dumps).map(({ entry }) => entry);
  if (check === true) return { summary: toldDumps(dumps) };
  if (image !== false) await putImages(tools, release, registries ?? {});
  await startServers(tools, { ...before, files: detail.files }, entries);
  const project = await projectNamed(tools, detail.project);
  await loadAll(tools, configured(tools, project), { directory, dumps });
  return { summary: `${toldDumps(dumps)} back` };
}

/** A server that reads its data when it starts gets it while its container stands still. */
export async function startServers(
  tools: ComposeTools,
  project: ComposeProject,
  entries: readonly DatabaseEntry[],
): Promise<void> {
  const still = new Set<string>();
  const running = new Set<string>();
  for (const entry of entries) {
    if (entry.type === 'sqlite' || entry.container === undefined) continue;
    (entry.type === 'redis' || entry.type === 'valkey' ? still : running).add(entry.container);
  }
  const words = ['up', '--no-build', '--no-deps'];
  if (still.size > 0) {
    await compose(tools, project, { words: [...words, '--no-start', ...still], timeoutMs: START_MS });
  }
  if (running.size > 0) await compose(tools, project, { words: [...words, '-d', ...running], timeoutMs: START_MS });
}
