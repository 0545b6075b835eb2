/** `backup.databases` as its owner writes it: what is taken, and where the message of a mistake points. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type CheckedConfig, checkConfig } from '#config/load.ts';
import { loadPlugins } from '#host/plugins.ts';
import { tempDir } from '#test/support/tmp.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const { catalog } = await loadPlugins({ builtin: path.join(ROOT, 'plugins') });

async function checked(databases: string, type = 'generic', more = ''): Promise<CheckedConfig> {
  await using dir = await tempDir();
  await mkdir(path.join(dir.path, 'usb'));
  const file = path.join(dir.path, 'homelab-autopilot.yaml');
  const text = `version: 1
destinations: { usb: { type: local, path: ./usb } }
services:
  - name: notes
    type: ${type}
    backup:
      destinations: [usb]
      databases:
        - ${databases}
${more}`;
  await writeFile(file, text);
  return await checkConfig({ file, env: {}, cwd: dir.path, catalog });
}

test('a service may consist of a database alone, whose password is a reference', async () => {
  const { config, errors } = await checked('{ type: postgresql, name: all, host: db.lan, password_file: ./pw }');

  expect(errors).toEqual([]);
  expect(config?.services[0]?.config).toMatchObject({
    backup: {
      databases: [
        {
          name: 'all',
          user: 'postgres',
          timeout: '1h',
          password: { $secret: { path: 'services.notes.backup.databases[0].password', source: { from: 'file' } } },
        },
      ],
    },
  });
});

test.each([
  ['{ type: oracle, name: a }', 19, 'type'],
  ['{ type: mongodb, name: a, user: b }', 43, 'user'],
  ['{ type: mongodb, name: a, options: [--out=/x] }', 47, 'options[0]'],
  ['{ type: postgresql }', 11, 'name'],
  ['{ type: postgresql, name: a, pasword: x }', 40, 'pasword'],
  ['{ type: postgresql, name: a, host: -x }', 46, 'host'],
  ['{ type: postgresql, name: a, host: x, socket: /run/x }', 46, 'host'],
  ['{ type: postgresql, name: a, socket: run/x }', 48, 'socket'],
  ['{ type: postgresql, name: a, options: [--file=/x] }', 50, 'options[0]'],
  ['{ type: mariadb, name: "--all" }', 34, 'name'],
  ['{ type: mariadb, name: [a, "b; c"] }', 38, 'name[1]'],
  ['{ type: mariadb, name: a, container: "-v" }', 48, 'container'],
  ['{ type: redis, host: a }', 19, 'type'],
  ['{ type: redis, container: a, stop: [x] }', 46, 'stop'],
  ['{ type: sqlite, path: data/a.db }', 33, 'path'],
])('%s is refused at its column', async (databases, column, key) => {
  const { errors } = await checked(databases);

  expect(errors.map(({ path: at, line, column: found }) => ({ at, line, column: found }))).toEqual([
    { at: `services[0].backup.databases[0].${key}`, line: 9, column },
  ]);
});

test('a server that is dumped cannot be one of those that stop before', async () => {
  const database = '{ type: postgresql, name: a, container: db }';
  const { errors } = await checked(database, 'docker-compose', `      quiesce: { stop: [web, db] }\n    path: /opt\n`);

  expect(errors.map(({ path: at, line, column }) => ({ at, line, column }))).toEqual([
    { at: 'services[0].backup.quiesce.stop[1]', line: 10, column: 30 },
  ]);
});
