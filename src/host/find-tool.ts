/** Finds a command's program before it is started, so that a missing one is told by name and by package. */
import { accessSync, constants, statSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join, resolve } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';

/** Which Debian package has a tool, where the name does not say it. Ubuntu uses the same names. */
const PACKAGES: ReadonlyMap<string, string> = new Map([
  ['tar', 'tar'],
  ['zstd', 'zstd'],
  ['age', 'age'],
  ['age-keygen', 'age'],
  ['gzip', 'gzip'],
  ['sha256sum', 'coreutils'],
  ['nice', 'coreutils'],
  ['df', 'coreutils'],
  ['ionice', 'util-linux'],
  ['findmnt', 'util-linux'],
  ['mountpoint', 'util-linux'],
  ['getfattr', 'attr'],
  ['getfacl', 'acl'],
  ['ip', 'iproute2'],
  ['ss', 'iproute2'],
  ['systemctl', 'systemd'],
  ['docker', 'docker.io'],
  ['virsh', 'libvirt-clients'],
  ['redis-server', 'redis-server'],
  ['sqlite3', 'sqlite3'],
  ['pg_dump', 'postgresql-client'],
  ['psql', 'postgresql-client'],
  ['mysqldump', 'default-mysql-client'],
  ['mariadb-dump', 'mariadb-client'],
  ['rsync', 'rsync'],
  ['ssh', 'openssh-client'],
  ['curl', 'curl'],
  ['rclone', 'rclone'],
  ['restic', 'restic'],
  ['git', 'git'],
]);

export interface Lookup {
  /** Folders, as in `PATH`. */
  path: string;
  cwd?: string | undefined;
}

/** The absolute path of a program. Fails with HA_TOOL_MISSING. */
export function findTool(name: string, lookup: Lookup): string {
  const found = lookUpTool(name, lookup);
  if (found !== undefined) return found;
  const where = name.includes('/') ? 'does not exist, or is not executable' : 'is not installed, or not in PATH';
  const owner = PACKAGES.get(basename(name));
  const next = owner === undefined ? `install ${name}, or correct the command` : `apt install ${owner}`;
  throw new AutopilotError('HA_TOOL_MISSING', `${name} ${where}`, { next });
}

/** The same, when a missing program is no failure. */
export function lookUpTool(name: string, lookup: Lookup): string | undefined {
  if (name.includes('/')) {
    const file = isAbsolute(name) ? name : resolve(lookup.cwd ?? '.', name);
    return isProgram(file) ? file : undefined;
  }
  const folders = lookup.path.split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
