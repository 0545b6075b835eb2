/** What of a project goes into a backup set, and what does not. */
import { stat } from 'node:fs/promises';
import { matchesGlob, relative, resolve } from 'node:path';
import { isBelow } from '#sdk/mounts.ts';
import type { ComposeTools } from './config.ts';
import { type Project, realPath } from './project.ts';
import { isAnonymous, namedVolumes, type Volume } from './volumes.ts';

export interface Coverage {
  paths: string[];
  /** In words, each with what would bring it in. */
  leftOut: string[];
}

interface Bind {
  source: string;
  what: string;
}

/** The project's directory, its named volumes, and the paths that the user names. */
export async function coverageOf(tools: ComposeTools, project: Project): Promise<Coverage> {
  const { path, backup } = tools.config;
  const named = backup.paths.map((extra) => resolve(path, extra));
  const inside = [path, ...named];
  const { mountpoints, binds, leftOut } = await volumesOf(tools, project);
  for (const bind of [...bindsOf(project), ...binds]) {
    if ((await isData(bind.source)) && !(await isCovered(bind.source, inside))) {
      leftOut.push(`${bind.what} (name it in backup.paths to have it)`);
    }
  }
  const own = project.files.filter((file) => !isBelow(file, path));
  const extra = named.filter((one) => !isBelow(one, path) || isExcluded(relative(path, one), backup.exclude));
  return {
    paths: [...new Set([path, ...own, ...extra, ...mountpoints])],
    leftOut: [...new Set(leftOut)].toSorted(),
  };
}

interface VolumeCoverage {
  mountpoints: string[];
  /** Volumes that are another name for a directory. */
  binds: Bind[];
  leftOut: string[];
}

async function volumesOf(tools: ComposeTools, project: Project): Promise<VolumeCoverage> {
  const mounts = project.containers.flatMap(({ service, mounts }) =>
    mounts.filter(({ type }) => type === 'volume').map((mount) => ({ service, ...mount })),
  );
  const leftOut = mounts
    .filter(({ volume }) => isAnonymous(volume))
    .map(({ service, destination }) => `the volume at ${destination} of ${service} (give it a name to have it)`);
  const covered: VolumeCoverage = { mountpoints: [], binds: [], leftOut };
  for (const volume of await namedVolumes(tools, project)) {
    const { device, type } = volume.Options ?? {};
    if (volume.Driver !== 'local') leftOut.push(`volume ${volume.Name} (driver ${volume.Driver})`);
    else if (isBind(volume))
      covered.binds.push({ source: device ?? '', what: `volume ${volume.Name}, which is ${device}` });
    else if (device !== undefined) leftOut.push(`volume ${volume.Name} (${type ?? 'mounted'} from ${device})`);
    else covered.mountpoints.push(volume.Mountpoint);
  }
  return covered;
}

/** Its mountpoint shows the data only while a container runs, so the directory itself is what to look at. */
function isBind({ Options }: Volume): boolean {
  const flags = (Options?.['o'] ?? '').split(',');
  return Options?.['device'] !== undefined && (flags.includes('bind') || flags.includes('rbind'));
}

function bindsOf(project: Project): Bind[] {
  return project.containers
    .flatMap(({ mounts }) => mounts.filter(({ type }) => type === 'bind'))
    .map(({ source }) => ({ source, what: `bind mount ${source}` }));
}

/** Containers get sockets, devices and the clock of the host; those are not what a backup is for. */
async function isData(source: string): Promise<boolean> {
  const system = ['/dev', '/proc', '/sys', '/run', '/var/run', '/etc/localtime', '/etc/timezone'];
  if (system.some((directory) => isBelow(source, directory))) return false;
  const stats = await stat(source).catch(() => undefined);
  return stats !== undefined && (stats.isFile() || stats.isDirectory());
}

/** With symlinks resolved: a link in the directory leads out of it, and a backup keeps the link alone. */
async function isCovered(source: string, paths: readonly string[]): Promise<boolean> {
  const real = (await realPath(source)) ?? source;
  const roots = await Promise.all(paths.map(async (path) => (await realPath(path)) ?? path));
  return roots.some((root) => isBelow(real, root));
}

/** What is named and excluded at once is handed on, for the archive to refuse it with both named. */
export function isExcluded(inner: string, exclude: readonly string[]): boolean {
  const steps = inner.split('/');
  const above = steps.map((_, depth) => steps.slice(0, depth + 1).join('/'));
  return exclude.some((glob) => above.some((path) => matchesGlob(path, glob.replace(/\/$/, ''))));
}
