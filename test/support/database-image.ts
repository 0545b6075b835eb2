/** An image with this system's own PostgreSQL, MariaDB and Redis, since there is no registry to pull one from. */
import { execFile } from 'node:child_process';
import { chown, cp, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { TestEngine } from '#test/support/docker.ts';
import { tempDir } from '#test/support/tmp.ts';

const call = promisify(execFile);

export const DATABASE_IMAGE = 'databases:test';

const COMMANDS = ['sh', 'sleep', 'cat', 'test', 'stat', 'true', 'echo', 'mkdir', 'dd', 'chmod', 'hostname'];
const PLAIN = ['redis-server', 'redis-cli', 'mariadb', 'mariadb-dump'];
const USER = 999;

/**
 * As those of the vendors: a new data directory is set up by a server that answers like the real one, and that goes again.
 * Whoever writes into it meanwhile is in the way of what is set up last.
 */
const ENTRYPOINT = `#!/bin/sh
set -e
if test "$1" = postgres && ! test -s /var/lib/postgresql/data/PG_VERSION; then
  initdb -D /var/lib/postgresql/data -U postgres -A trust -E UTF8 --no-locale --no-sync >/dev/null
  postgres -D /var/lib/postgresql/data -k /tmp -c listen_addresses= -c fsync=off &
  until psql -h /tmp -U postgres -c 'SELECT 1' >/dev/null 2>&1; do sleep 0.1; done
  sleep 2
  psql -h /tmp -U postgres -v ON_ERROR_STOP=1 -c 'CREATE DATABASE papers'
  kill -INT $!
  wait $!
fi
if test "$1" = mariadbd && ! test -d /var/lib/mysql/mysql; then
  mkdir -p /var/lib/mysql/mysql
  cd /usr/share/mysql
  { echo 'USE mysql;'; cat mysql_system_tables.sql mysql_system_tables_data.sql; } |
    mariadbd --no-defaults --bootstrap --datadir=/var/lib/mysql
  mariadbd --no-defaults --datadir=/var/lib/mysql --socket=/tmp/mysqld.sock --pid-file=/tmp/pid --skip-networking &
  until mariadb --no-defaults --socket=/tmp/mysqld.sock -u root -e 'SELECT 1' >/dev/null 2>&1; do sleep 0.1; done
  sleep 2
  mariadb --no-defaults --socket=/tmp/mysqld.sock -u root -e 'CREATE DATABASE shop'
  kill $!
  wait $!
fi
exec "$@"
`;

export async function importDatabases(engine: TestEngine): Promise<void> {
  await using dir = await tempDir();
  const root = join(dir.path, 'root');
  const version = (await readdir('/usr/lib/postgresql')).toSorted((a, b) => Number(b) - Number(a))[0] ?? '';
  const programs = `/usr/lib/postgresql/${version}`;
  const names = ['postgres', 'initdb', 'psql', 'pg_dump'].map((name) => `${programs}/bin/${name}`);
  const libraries = ['plpgsql.so', 'dict_snowball.so'].map((name) => `${programs}/lib/${name}`);
  const plain = [...PLAIN.map((name) => `/usr/bin/${name}`), '/usr/sbin/mariadbd'];
  const all = [...names, ...libraries, ...plain];
  for (const file of [...all, ...(await neededBy(all))]) await copy(file, root);
  for (const share of [`/usr/share/postgresql/${version}`, '/usr/share/mysql']) await copy(share, root);
  await mkdir(join(root, 'bin'), { recursive: true });
  for (const name of [...names, ...plain]) await symlink(name, join(root, 'bin', basename(name)));
  const { stdout: busybox } = await call('sh', ['-c', 'command -v busybox']);
  await cp(busybox.trim(), join(root, 'bin', 'busybox'), { dereference: true });
  for (const name of COMMANDS) await symlink('busybox', join(root, 'bin', name));
  await mkdir(join(root, 'etc'), { recursive: true });
  await writeFile(join(root, 'etc/passwd'), `root:x:0:0::/:/bin/sh\npostgres:x:${USER}:${USER}::/tmp:/bin/sh\n`);
  await writeFile(join(root, 'bin/docker-entrypoint.sh'), ENTRYPOINT, { mode: 0o755 });
  await mkdir(join(root, 'tmp'), { mode: 0o777 });
  await call('chmod', ['1777', join(root, 'tmp')]);
  for (const data of ['var/lib/postgresql/data', 'var/lib/mysql', 'data']) {
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
