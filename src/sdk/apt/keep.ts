/** Package files kept for the way back: a repository that has a new version often has the old one no more. */
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import { apt } from '#sdk/apt/commands.ts';
import { type AptPlace, type AptTools, PackageName, PackageVersion, type Versions } from '#sdk/apt/names.ts';

/** Has the package files of these versions lie here under the name of a restore point. */
export async function keepFiles(
  tools: AptTools,
  place: AptPlace,
  { set, versions }: { set: string; versions: Versions },
): Promise<{ summary: string }> {
  const folder = join(keepRoot(tools), encodeURIComponent(set));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const names = Object.keys(versions);
  for (const name of names) {
    const version = versions[name] ?? '';
    if ((await fileIn(tools, folder, { name, version })) !== undefined) continue;
    await bring(tools, place, { folder, name, version });
  }
  return { summary: `${names.length} ${names.length === 1 ? 'package file' : 'package files'} kept` };
}

/** Removes what is kept for other restore points. */
export async function letFilesGo(tools: AptTools, keep: string): Promise<{ summary: string }> {
  const folders = await namesIn(keepRoot(tools));
  const old = folders.filter((name) => name !== encodeURIComponent(keep));
  for (const name of old) await rm(join(keepRoot(tools), name), { recursive: true, force: true });
  return { summary: old.length === 0 ? 'nothing older was kept' : 'older package files let go' };
}

/** @returns the file of exactly this version, if one is kept for any restore point. */
export async function keptFile(tools: AptTools, name: string, version: string): Promise<string | undefined> {
  for (const folder of await namesIn(keepRoot(tools))) {
    const file = await fileIn(tools, join(keepRoot(tools), folder), { name, version });
    if (file !== undefined) return file;
  }
  return undefined;
}

interface Wanted {
  name: string;
  version: string;
}

/** From its repository, or from what apt or we have fetched before. */
async function bring(tools: AptTools, place: AptPlace, wanted: Wanted & { folder: string }): Promise<void> {
  const { folder, name, version } = wanted;
  const options = { cwd: folder };
  const problem = await apt(tools, place, ['apt-get', '-q', 'download', '--', `${name}=${version}`], options).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof AutopilotError && error.code === 'HA_COMMAND_FAILED') return error;
      throw error;
    },
  );
  if (problem === undefined && (await fileIn(tools, folder, wanted)) !== undefined) return;
  if (await copyFetched(tools, place, wanted)) return;
  throw new AutopilotError(
    'HA_NOT_FOUND',
    `${tools.name}: no repository has ${name} ${version} any more, so there is no way back to it`,
    {
      cause: problem,
      next: `put its package file into ${folder} and try again; nothing was changed`,
    },
  );
}

async function copyFetched(tools: AptTools, { root }: AptPlace, { folder, ...wanted }: Wanted & { folder: string }) {
  const kept = await keptFile(tools, wanted.name, wanted.version);
  const file = kept ?? (await fileIn(tools, join(root, 'var/cache/apt/archives'), wanted));
  if (file === undefined) return false;
  const to = join(folder, `${wanted.name}.deb`);
  // A copy, and never a link: apt may tidy its own folder at any time.
  await tools.exec(['cp', '--', file, `${to}.part`]);
  await rename(`${to}.part`, to);
  return true;
}

/** Looked at inside: the name of a file says nothing. */
async function fileIn(tools: AptTools, folder: string, { name, version }: Wanted): Promise<string | undefined> {
  const files = (await namesIn(folder)).filter((file) => file.startsWith(name) && file.endsWith('.deb'));
  for (const file of files) {
    const { stdout } = await tools.exec(['dpkg-deb', '-f', join(folder, file), 'Package', 'Version'], {
      okCodes: [0, 2],
    });
    if (stdout.trim() === `Package: ${PackageName.parse(name)}\nVersion: ${PackageVersion.parse(version)}`) {
      return join(folder, file);
    }
  }
  return undefined;
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch((): string[] => [])).toSorted();
}

function keepRoot({ stateDir, name }: AptTools): string {
  return join(stateDir, 'apt', encodeURIComponent(name));
}
