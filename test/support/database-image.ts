/** An image with this system's own PostgreSQL and Redis, since there is no registry to pull one from. */
import { execFile } from 'node:child_process';
import { chown, cp, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { TestEngine } from '#test/support/docker.ts';
import { tempDir } from '#test/support/tmp.ts';

const call = promisify(execFile);

export const DATABASE_IMAGE = 'databases:test';

const COMMANDS = ['sh', 'sleep', 'cat', 'test', 'stat', 'true', 'echo', 'mkdir', 'dd'];
const USER = 999;

/** Makes the data directory when there is none, as the images of the vendors do. */
const START = `#!/bin/sh
set -e
if ! test -s /var/lib/postgresql/data/PG_VERSION; then
  initdb -D /var/lib/postgresql/data -U postgres -A trust -E UTF8 --no-locale --no-sync >/dev/null
fi
exec postgres -D /var/lib/postgresql/data -k /tmp -c listen_addresses= -c fsync=off
`;

export async function importDatabases(engine: TestEngine): Promise<void> {
  await using dir = await tempDir();
  const root = join(dir.path, 'root');
  const version = (await readdir('/usr/lib/postgresql')).toSorted((a, b) => Number(b) - Number(a))[0] ?? '';
  const programs = `/usr/lib/postgresql/${version}`;
  const names = ['postgres', 'initdb', 'psql', 'pg_dump'].map((name) => `${programs}/bin/${name}`);
  const libraries = ['plpgsql.so', 'dict_snowball.so'].map((name) => `${programs}/lib/${name}`);
  const all = [...names, ...libraries, '/usr/bin/redis-server', '/usr/bin/redis-cli'];
  for (const file of [...all, ...(await neededBy(all))]) await copy(file, root);
  await copy(`/usr/share/postgresql/${version}`, root);
  await mkdir(join(root, 'bin'), { recursive: true });
  for (const name of names) await symlink(name, join(root, 'bin', name.slice(name.lastIndexOf('/') + 1)));
  for (const name of ['redis-server', 'redis-cli']) await symlink(`/usr/bin/${name}`, join(root, 'bin', name));
  const { stdout: busybox } = await call('sh', ['-c', 'command -v busybox']);
  await cp(busybox.trim(), join(root, 'bin', 'busybox'), { dereference: true });
  for (const name of COMMANDS) await symlink('busybox', join(root, 'bin', name));
  await mkdir(join(root, 'etc'), { recursive: true });
  await writeFile(join(root, 'etc/passwd'), `root:x:0:0::/:/bin/sh\npostgres:x:${USER}:${USER}::/tmp:/bin/sh\n`);
  await writeFile(join(root, 'bin/start-postgres'), START, { mode: 0o755 });
  await mkdir(join(root, 'tmp'), { mode: 0o777 });
  await call('chmod', ['1777', join(root, 'tmp')]);
  for (const data of ['var/lib/postgresql/data', 'data']) {
    await mkdir(dirname(join(root, data)), { recursive: true });
    await mkdir(join(root, data), { mode: 0o700 });
    await chown(join(root, data), USER, USER);
  }
  const archive = join(dir.path, 'root.tar');
  await call('tar', ['--numeric-owner', '-C', root, '-cf', archive, '.']);
  await rm(root, { recursive: true });
  await engine.docker('import', '--change', 'ENV PATH=/bin', archive, DATABASE_IMAGE);
}

async function copy(path: string, root: string): Promise<void> {
  const to = join(root, path);
  await mkdir(dirname(to), { recursive: true });
  await cp(path, to, { dereference: true, recursive: true });
}

async function neededBy(programs: readonly string[]): Promise<string[]> {
  const { stdout } = await call('ldd', [...programs]);
  const paths = stdout.split('\n').flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
  return [...new Set(paths)];
}
