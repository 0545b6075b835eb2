/** Databases that are files: of Redis, put back while the server stands still, and of SQLite, replaced as a whole. */
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import type { Dump } from '#sdk/databases/dump.ts';
import { call, type Dumping, openDumping } from '#test/plugins/services/dumping.ts';
import { needs } from '#test/support/needs.ts';
import { eventually } from '#test/support/wait.ts';

let stage: Dumping;
beforeEach(async (context) => {
  needs(context, 'sqlite3', 'redis-server', 'redis-cli', 'zstd');
  stage = await openDumping();
  context.onTestFinished(() => stage[Symbol.asyncDispose]());
});

const dump: Dumping['dump'] = async (...databases) => stage.dump(...databases);
const load: Dumping['load'] = async (dumps, ...databases) => stage.load(dumps, ...databases);

describe('Redis', () => {
  const cli = async (...words: string[]) =>
    (await call('redis-cli', ['-s', join(stage.path, 'socket'), ...words])).stdout.trim();

  /** A server as a system starts one: by a command that ends, with a log or without. */
  async function startServer(log: 'yes' | 'no'): Promise<JsonObject> {
    const settings = [
      'port 0',
      `unixsocket ${stage.path}/socket`,
      `dir ${stage.path}`,
      'daemonize yes',
      `pidfile ${stage.path}/pid`,
      'save ""',
      `appendonly ${log}`,
    ];
    await writeFile(join(stage.path, 'redis.conf'), `${settings.join('\n')}\n`);
    const start = ['redis-server', join(stage.path, 'redis.conf')];
    await call('redis-server', start.slice(1));
    await eventually('the server answers', async () => (await cli('PING').catch(() => '')) === 'PONG');
    onTestFinished(async () => {
      await cli('SHUTDOWN', 'NOSAVE').catch(() => undefined);
      await eventually(
        'the server has ended',
        async () =>
          await stat(join(stage.path, 'pid')).then(
            () => false,
            () => true,
          ),
      );
    });
    const stop = ['sh', '-c', `redis-cli -s ${stage.path}/socket SHUTDOWN NOSAVE || true`];
    return { type: 'redis', socket: `${stage.path}/socket`, stop, start };
  }

  test.each(['yes', 'no'] as const)('with its log (%s) all keys are as they were dumped', async (log) => {
    const entry = await startServer(log);
    await cli('SET', 'note', 'precious');
    await cli('-n', '3', 'RPUSH', 'list', 'a', 'b');
    const dumps = await dump(entry);
    await cli('SET', 'note', 'spoiled');
    await cli('SET', 'later', 'x');

    await load(dumps, entry);

    expect(dumps).toMatchObject([{ type: 'redis', tables: 2, server: expect.stringMatching(/^\d+\.\d+/) }]);
    expect(await cli('GET', 'note')).toBe('precious');
    expect(await cli('EXISTS', 'later')).toBe('0');
    expect(await cli('-n', '3', 'LRANGE', 'list', '0', '-1')).toBe('a\nb');
    await cli('SET', 'after', 'y');
    await cli('SHUTDOWN', 'SAVE');
    await call('redis-server', [join(stage.path, 'redis.conf')]);
    await eventually('the server answers', async () => (await cli('PING').catch(() => '')) === 'PONG');
    expect(await cli('GET', 'after')).toBe('y');
  });

  test('a server that does not stop keeps its data', async () => {
    const entry = await startServer('no');
    await cli('SET', 'note', 'precious');
    const dumps = await dump(entry);
    await cli('SET', 'note', 'of now');

    const failed = load(dumps, { ...entry, stop: ['false'], start: ['true'] });

    await expect(failed).rejects.toThrow('false');
    expect(await cli('GET', 'note')).toBe('of now');
  });

  test('a wrong password is told, and is no empty dump', async () => {
    const entry = await startServer('no');
    await cli('CONFIG', 'SET', 'requirepass', 'secret');

    const failed = dump(entry);

    await expect(failed).rejects.toMatchObject({ message: expect.stringContaining('NOAUTH') });
    await cli('-a', 'secret', 'CONFIG', 'SET', 'requirepass', '');
  });
});

describe('SQLite', () => {
  const sql = async (path: string, statement: string) => (await call('sqlite3', [path, statement])).stdout.trim();

  async function makeDatabase(): Promise<string> {
    const path = join(stage.path, 'app "data" $1.db');
    await sql(path, "PRAGMA journal_mode = WAL; CREATE TABLE notes (text); INSERT INTO notes VALUES ('precious')");
    await chmod(path, 0o640);
    return path;
  }

  /** Of some pieces all over the one, how many are in the other. */
  function partFoundIn(bytes: Buffer, other: Buffer): number {
    const starts = Array.from({ length: 40 }, (_, index) => Math.floor((other.length / 40) * index));
    return starts.filter((at) => bytes.includes(other.subarray(at, at + 8192))).length / starts.length;
  }

  test('a dump is whole while others write, and comes back with its mode, without the old log', async () => {
    const path = await makeDatabase();
    const dumps = await dump({ type: 'sqlite', path });
    await sql(path, "UPDATE notes SET text = 'spoiled'; CREATE TABLE later (id)");
    await writeFile(`${path}-wal`, 'left over');

    await load(dumps, { type: 'sqlite', path });

    expect(dumps).toMatchObject([
      { type: 'sqlite', name: path, tables: 1, file: 'dump-1-sqlite-app-data-1.db.db.zst' },
    ]);
    expect(await sql(path, 'SELECT text FROM notes; SELECT count(*) FROM sqlite_schema')).toBe('precious\n1');
    expect((await stat(path)).mode & 0o777).toBe(0o640);
  });

  test('a dump that is to be shared gives the same bytes again behind a change, and comes back as any other', async () => {
    const path = await makeDatabase();
    const rows = 'WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 30000) SELECT n FROM i';
    await sql(path, `CREATE TABLE rest (text); INSERT INTO rest SELECT hex(randomblob(500)) FROM (${rows}); VACUUM`);
    const entry = { type: 'sqlite', path };
    const packed = async (dumps: readonly Dump[]) => await readFile(join(stage.path, dumps[0]?.file ?? ''));

    const before = await packed(await stage.dumpShareable(entry));
    const plain = await packed(await dump(entry));
    // Written anew in the order of its tables: all that follows the notes moves.
    await sql(path, 'INSERT INTO notes VALUES (hex(randomblob(50000))); VACUUM');
    const plainAfter = await packed(await dump(entry));
    const dumps = await stage.dumpShareable(entry);
    const after = await packed(dumps);

    expect(partFoundIn(after, before)).toBeGreaterThan(0.6);
    expect(partFoundIn(plainAfter, plain)).toBeLessThan(0.2);
    await sql(path, 'DELETE FROM notes');
    await load(dumps, entry);
    expect(await sql(path, 'SELECT count(*) FROM notes')).toBe('2');
  });

  test('a database that is damaged is no dump', async () => {
    const path = await makeDatabase();
    await sql(path, 'PRAGMA wal_checkpoint(TRUNCATE)');
    const bytes = await readFile(path);
    bytes.fill(0x41, 4096 + 100);
    await writeFile(path, bytes);

    await expect(dump({ type: 'sqlite', path })).rejects.toThrow(/malformed|not whole/);
  });

  test('a dump that is cut short replaces nothing', async () => {
    const path = await makeDatabase();
    const dumps = await dump({ type: 'sqlite', path });
    const file = join(stage.path, dumps[0]?.file ?? '');
    await writeFile(file, (await readFile(file)).subarray(0, -10));
    await sql(path, "UPDATE notes SET text = 'of now'");

    await expect(load(dumps, { type: 'sqlite', path })).rejects.toThrow('zstd');

    expect(await sql(path, 'SELECT text FROM notes')).toBe('of now');
  });

  test('a file that is not there is no new and empty database', async () => {
    await expect(dump({ type: 'sqlite', path: '/nowhere/app.db' })).rejects.toMatchObject({
      code: 'HA_SOURCE_MISSING',
    });
  });

  test('the file and what SQLite keeps beside it are not among the files of a backup', async () => {
    const backup = {
      paths: ['/srv/app'],
      exclude: ['cache'],
      databases: [{ type: 'sqlite', path: '/srv/app/d[1]/a.db' }],
    };

    const output = await stage.sources(backup);

    const names = ['a.db', 'a.db-wal', 'a.db-shm', 'a.db-journal'].map((name) => `d\\[1\\]/${name}`);
    expect(output['sources']).toEqual([{ path: '/srv/app', exclude: ['cache', ...names] }]);
  });
});
