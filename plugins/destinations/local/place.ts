/** The directory of a local destination: whether it is there, writable, and surely the disk that was meant. */
import { constants } from 'node:fs';
import { access, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import { ifThere } from '#kernel/if-there.ts';
import { realPathOf, requireApart } from '#sdk/apart.ts';
import { isBelow, missingMounts, mountPoints } from '#sdk/mounts.ts';
import type { LocalTools } from './index.ts';

export async function refuseInside({ name, config: { path } }: LocalTools, sources: readonly string[]): Promise<void> {
  await requireApart({ name, path, realPath: await realPathOf(path) }, sources);
}

/**
 * There, mounted if it should be, and good for what is meant to be done. For writing, the last directory of the path is
 * made where that is surely meant; for reading, one that could be made counts as an empty one.
 */
export async function requirePlace(tools: LocalTools, use: 'read' | 'write'): Promise<void> {
  const { path, require_mount: requireMount } = tools.config;
  const away = (await missingMounts()).find((mount) => isBelow(path, mount));
  if (away !== undefined) throw unusable(tools, `${away} is in /etc/fstab but not mounted`, 'mount it');
  if (requireMount && !(await isOnMount(path))) {
    throw unusable(tools, `${path} is not on a mounted file system, so the disk is probably away`, 'mount it');
  }
  const stats = await ifThere(stat(path));
  if (stats === undefined) return await makePlace(tools, use);
  if (!stats.isDirectory()) throw unusable(tools, `${path} is not a directory`, 'correct the path');
  try {
    await access(
      path,
      use === 'read' ? constants.R_OK | constants.X_OK : constants.R_OK | constants.W_OK | constants.X_OK,
    );
    if (use === 'write') await tryToWrite(path);
  } catch (error) {
    if (FULL.has(systemCode(error) ?? '')) return;
    const what = use === 'read' ? 'readable' : 'writable';
    throw unusable(
      tools,
      `${path} is not ${what} (${systemCode(error) ?? errorText(error)})`,
      'correct its permissions',
    );
  }
}

/** A place without room is a place: what does not fit is told by who knows how much it is. */
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

/** The superuser may write where the disk cannot: only a real file tells. */
async function tryToWrite(path: string): Promise<void> {
  const probe = join(path, `.autopilot-probe-${newId()}`);
  await writeFile(probe, '');
  await rm(probe);
}

/**
 * A missing directory may be a disk that is away: then sets would silently fill the system's disk. So only the last
 * component is ever made, and nothing below `/mnt` or `/media` as long as nothing is mounted there.
 */
async function makePlace(tools: LocalTools, use: 'read' | 'write'): Promise<void> {
  const { path } = tools.config;
  const removable = ['/mnt', '/media', '/run/media'].some((place) => isBelow(path, place));
  const next = `mount the disk, or make the directory:  mkdir -p ${path}`;
  const mayBeAway = (removable && !(await isOnMount(path))) || (await ifThere(stat(dirname(path)))) === undefined;
  if (mayBeAway) throw unusable(tools, `${path} does not exist`, next);
  if (use === 'read') return;
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    // Two steps may come here at the same time, each for its own set.
    if (systemCode(error) === 'EEXIST') return;
    throw unusable(tools, `${path} does not exist and cannot be made (${systemCode(error) ?? errorText(error)})`, next);
  }
}

async function isOnMount(path: string): Promise<boolean> {
  const real = await realPathOf(path);
  return (await mountPoints()).some((mount) => mount !== '/' && isBelow(real, mount));
}

function unusable({ name }: LocalTools, what: string, next: string): AutopilotError {
  return new AutopilotError('HA_DESTINATION_UNUSABLE', `${name}: ${what}`, { next });
}
