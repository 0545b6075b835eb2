/** Whether the share is there, by the kernel's mount table and by a marker file on the share itself. */
import { join } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import { requireApart } from '#sdk/apart.ts';
import { isBelow, missingMounts, mountOf } from '#sdk/mounts.ts';
import { access, failed, isMissing } from './access.ts';
import type { NfsTools } from './index.ts';

/** @returns how the share is mounted, for people. Asking for the marker is what makes an automounter mount it. */
export async function requireShare(tools: NfsTools): Promise<string> {
  const { path, require_mount: requireMount, fs_types: types } = tools.config;
  const missing = (await missingMounts()).find((mount) => isBelow(path, mount));
  if (missing !== undefined) throw unusable(tools, `${missing} is in /etc/fstab but not mounted`, `mount ${missing}`);
  const real = await realPathOf(tools, path);
  const marked = await isThere(tools, markerOf(tools));
  const mount = await mountOf(real);
  if (requireMount && (mount === undefined || !types.includes(mount.type))) {
    const what = mount === undefined ? 'nothing is mounted there' : `it is on ${mount.path} (${mount.type})`;
    const next = `mount the share; if ${mount?.type ?? 'it'} is the share, name its type in fs_types`;
    throw unusable(tools, `${path} is not on a mounted ${types.join(' or ')} share: ${what}`, next);
  }
  if (!marked) {
    const next = `if this is the right directory of the right share, mark it once:  touch ${markerOf(tools)}`;
    throw unusable(tools, `${path} has no marker file, so it may not be the share that was meant`, next);
  }
  return mount === undefined ? 'marked' : `${mount.type} on ${mount.path}`;
}

/**
 * Whether a directory that was just made is on the same file system as the marker. From then on its path exists on
 * the share alone: if that is unmounted now, writing to it fails, and the disk below cannot be filled.
 */
export async function requireSameDevice(tools: NfsTools, directory: string): Promise<void> {
  const { stdout } = await access(tools, ['stat', '--format=%d', '--', markerOf(tools), directory]);
  const [marker, made] = stdout.trim().split('\n');
  if (marker === made && made !== undefined) return;
  throw unusable(tools, `${directory} is not on the same file system as the marker`, 'see what is mounted there');
}

/** Only a real file tells whether it can be written to. A full share is a share: what does not fit is told elsewhere. */
export async function tryToWrite(tools: NfsTools): Promise<void> {
  const probe = join(tools.config.path, `.autopilot-probe-${newId()}`);
  try {
    await access(tools, ['touch', '--', probe]);
    await access(tools, ['rm', '--force', '--', probe]);
  } catch (error) {
    if (!(error instanceof AutopilotError) || error.code !== 'HA_NO_SPACE') throw error;
  }
}

/** The share itself is asked within a time limit, as ever. */
export async function refuseInside(tools: NfsTools, sources: readonly string[]): Promise<void> {
  const { path } = tools.config;
  await requireApart({ name: tools.name, path, realPath: await realPathOf(tools, path) }, sources);
}

async function realPathOf(tools: NfsTools, path: string): Promise<string> {
  return (await access(tools, ['realpath', '--canonicalize-missing', '--', path])).stdout.trimEnd();
}

function markerOf({ config }: NfsTools): string {
  return join(config.path, config.marker);
}

async function isThere(tools: NfsTools, path: string): Promise<boolean> {
  const { code, stderr } = await access(tools, ['stat', '--format=%d', '--', path], { okCodes: [0, 1] });
  if (code === 0 || isMissing(stderr)) return code === 0;
  throw failed(tools, `${path} cannot be looked at`, stderr);
}

function unusable({ name }: NfsTools, what: string, next: string): AutopilotError {
  return new AutopilotError('HA_DESTINATION_UNUSABLE', `${name}: ${what}`, { next });
}
