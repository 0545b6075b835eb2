/** A dump of PostgreSQL brings the roles that it needs: what they own comes back on a server that does not know them. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Dumping, openDumping } from '#test/plugins/services/dumping.ts';
import { canRunDatabases, needsDatabases, startPostgres, type TestDatabase } from '#test/support/databases.ts';

let postgres: TestDatabase;
let stage: Dumping;
let number = 0;
let name: string;

beforeAll(async () => {
  if (canRunDatabases()) postgres = await startPostgres();
}, 60_000);

afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
});

const entry = (database: string) => ({ type: 'postgresql', name: database, socket: postgres.socket });
const notes = () => postgres.sql(name, 'SELECT text FROM notes');
const clerk = () => `clerk-${name}`;
const known = () =>
  postgres.sql('postgres', `SELECT rolcanlogin, rolpassword FROM pg_authid WHERE rolname = '${clerk()}'`);
const owner = () => postgres.sql(name, `SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '${name}'`);

beforeEach(async (context) => {
  needsDatabases(context);
  stage = await openDumping();
  context.onTestFinished(() => stage[Symbol.asyncDispose]());
  name = `papers${(number += 1)}`;
  await postgres.sql('postgres', `CREATE DATABASE ${name}`);
  await postgres.sql(name, `CREATE TABLE notes (text text); INSERT INTO notes VALUES ('precious')`);
  await postgres.sql(name, `CREATE ROLE "${clerk()}" LOGIN PASSWORD 'open sesame'`);
  await postgres.sql(name, `ALTER TABLE notes OWNER TO "${clerk()}"; ALTER DATABASE ${name} OWNER TO "${clerk()}"`);
});

const forget = async () => {
  await postgres.sql('postgres', `DROP DATABASE ${name}`);
  await postgres.sql('postgres', `DROP ROLE "${clerk()}"`);
};

test('who owns what is in a database comes back with it, and may log in as before', async () => {
  const before = [await known(), await owner(), await notes()];
  const dumps = await stage.dump(entry(name));
  await forget();

  await stage.load(dumps, entry(name));

  expect([await known(), await owner(), await notes()]).toEqual(before);
  expect(before[0]).toMatch(/^t\tSCRAM-SHA-256/);
});

test('a role that is there is left as it is', async () => {
  const dumps = await stage.dump(entry(name));
  await postgres.sql(name, `ALTER ROLE "${clerk()}" PASSWORD 'of now'`);
  const present = await known();

  await stage.load(dumps, entry(name));

  expect(await known()).toBe(present);
});

test('a user that may not read passwords dumps without them', async () => {
  await postgres.sql('postgres', `CREATE DATABASE ${name}_own OWNER "${clerk()}"`);

  const [made] = await stage.dump({ ...entry(`${name}_own`), user: clerk() });

  const sql = await stage.content(made?.file ?? '');
  expect(sql).toContain(`CREATE ROLE "${clerk()}" LOGIN;`);
  expect(sql).not.toContain('PASSWORD');
});

test('a role that a dump of before does not bring is told with what makes it, and nothing is changed', async () => {
  const [made] = await stage.dump(entry(name));
  const sql = await stage.content(made?.file ?? '');
  await stage.replace(made?.file ?? '', sql.replaceAll(/^DO \$autopilot\$ .*\n/gm, ''));
  await postgres.sql(name, `ALTER TABLE notes OWNER TO CURRENT_USER; ALTER DATABASE ${name} OWNER TO CURRENT_USER`);
  await postgres.sql(name, `DROP ROLE "${clerk()}"`);
  const present = await notes();

  await expect(stage.load(made === undefined ? [] : [made], entry(name))).rejects.toMatchObject({
    message: expect.stringContaining('was left as it is'),
    next: expect.stringContaining(`CREATE ROLE "${clerk()}" LOGIN`),
  });
  expect(await notes()).toBe(present);
});
