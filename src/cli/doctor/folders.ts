/** Whether we may write where we must, and whether there is room. */
import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { broken, finding, ok, warning } from '#cli/doctor/finding.ts';
import type { Finding } from '#cli/ports.ts';
import { systemCode } from '#kernel/errors.ts';
import { formatBytes } from '#kernel/format.ts';

/** Below these SQLite and Redis may fail to write soon, or now. */
const LITTLE_BYTES = 1_000_000_000;
const NO_BYTES = 100_000_000;

export async function folderFinding(check: string, folder: string): Promise<Finding> {
  return finding(check, async () => {
    const place = await existing(folder);
    const me = userInfo().username;
    if (!(await mayWrite(place))) {
      return broken(check, `${place} may not be written by ${me}`, `chown ${me} ${place} , or run as its owner`);
    }
    const { bavail, bsize } = await statfs(place);
    const free = bavail * bsize;
    const detail = `${folder}${place === folder ? '' : ' (will be made)'}, ${formatBytes(free)} free`;
    const next = 'make room on this disk, or move it with global.state_dir and global.log_dir';
    if (free < NO_BYTES) return broken(check, detail, next);
    return free < LITTLE_BYTES ? warning(check, detail, next) : ok(check, detail);
  });
}

/** The state holds the whole history: others have no business in it. */
export async function privacyFinding(file: string): Promise<Finding | null> {
  const mode = await stat(file).then(
    (stats) => stats.mode,
    () => undefined,
  );
  if (mode === undefined || (mode & 0o007) === 0) return null;
  return warning('privacy', `everybody can read ${file}`, `chmod o-rwx ${file}`);
}

/** The folder itself, or the nearest one above it that exists. */
async function existing(folder: string): Promise<string> {
  try {
    await stat(folder);
    return folder;
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' || dirname(folder) === folder) throw error;
    return existing(dirname(folder));
  }
}

async function mayWrite(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
