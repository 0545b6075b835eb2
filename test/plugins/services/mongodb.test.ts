/** MongoDB of a service, with stand-ins for its programs: archives that are whole, a strict way back, a password in no words. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { openPlugin } from '#host/harness.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin } from '#plugins/services/generic/index.ts';
import { archiveWatch } from '#sdk/databases/mongodb-archive.ts';
import { known } from '#test/plugins/notifications/channel.ts';
import { call, type Dumping, openDumping } from '#test/plugins/services/dumping.ts';
import { archiveOf, END } from '#test/support/mongodb/archive.ts';
import type { StandInServer } from '#test/support/mongodb/stand-in.ts';
import { needs } from '#test/support/needs.ts';
import { root } from '#test/support/sources.ts';

const PASSWORD = `p"w: #'\\$(id) ü`;
const NOTES = { notes: [{ _id: 1, text: 'precious' }], tags: [{ _id: 1, text: 'a' }], empty: [] };

let stage: Dumping;
let file: string;

beforeEach(async (context) => {
  needs(context, 'zstd', 'sh');
  stage = await openDumping();
  file = join(stage.path, 'server');
  await save({ users: {}, databases: { admin: { 'system.version': [] }, app: NOTES }, trouble: null });
  const bin = join(stage.path, 'bin');
  await mkdir(bin);
  for (const name of ['mongodump', 'mongorestore', 'mongosh']) {
    const script = `#!/bin/sh\nexec ${process.execPath} ${join(root, 'test/support/mongodb/stand-in.ts')} ${name} "$@"\n`;
    await writeFile(join(bin, name), script);
    await chmod(join(bin, name), 0o755);
  }
  const { PATH } = process.env;
  process.env['PATH'] = `${bin}:${PATH}`;
  context.onTestFinished(async () => {
    process.env['PATH'] = PATH;
    await stage[Symbol.asyncDispose]();
  });
});

const save = (server: StandInServer) => writeFile(file, JSON.stringify(server));
const server = async () => JSON.parse(await readFile(file, 'utf8')) as StandInServer;
const entry = (more: JsonObject = {}): JsonObject => ({ type: 'mongodb', name: 'app', socket: file, ...more });

async function change(edit: (server: StandInServer) => void): Promise<void> {
  const now = await server();
  edit(now);
  await save(now);
}

describe('MongoDB', () => {
  test('a dump tells its collections and versions, and what came after it is gone when it is back', async () => {
    const dumps = await stage.dump(entry());
    await change(({ databases }) => {
      databases['app'] = { notes: [{ _id: 1, text: 'spoiled' }], later: [] };
    });

    const output = await stage.load(dumps, entry());

    expect(dumps).toMatchObject([
      { file: 'dump-1-mongodb-app.archive.zst', name: 'app', tables: 3, server: '7.0.14', tool: '100.9.4' },
    ]);
    expect(output['summary']).toContain('mongodb app (3 collections) back');
    expect((await server()).databases['app']).toEqual(NOTES);
  });

  test('all of a server comes as one dump for each database, without its own', async () => {
    await change(({ databases }) => {
      databases['shop'] = { goods: [] };
    });

    expect((await stage.dump(entry({ name: 'all' }))).map(({ name }) => name)).toEqual(['app', 'shop']);
  });

  test('a password is in the words of no program, whatever signs it has, and lets them in', async () => {
    await change((now) => {
      now.users = { keeper: PASSWORD };
    });
    await using harness = await openPlugin(plugin, [], async ({ $secret }) => $secret.path);
    const backup = { databases: [entry({ user: 'keeper', password: known(PASSWORD) })] };
    const release = { version: null, images: [], configFiles: [], detail: {} };

    const { dumps = [] } = await harness.run('dump', { backup }, { directory: stage.path, level: 1 });
    await harness.run('load', { backup }, { directory: stage.path, dumps, release });

    const calls = await readFile(`${file}.calls`, 'utf8');
    expect(calls.match(/"mongo(?:dump|restore|sh)"/g)).toHaveLength(7);
    expect(calls).not.toContain('p\\"w');
    expect(calls).toContain('"--config=/dev/fd/3"');
  });

  test('a wrong password, or a name that is not there, is told with the place', async () => {
    await expect(stage.dump(entry({ name: 'nothing' }))).rejects.toMatchObject({ code: 'HA_NOT_FOUND' });
    await change((now) => {
      now.users = { keeper: PASSWORD };
    });

    await expect(stage.dump(entry())).rejects.toThrow(/mongodb at .*Authentication failed/s);
  });

  test.each([
    ['cut short', 'HA_DUMP_INVALID'],
    ['without a collection', 'HA_DUMP_INVALID'],
    ['fails', 'HA_COMMAND_FAILED'],
  ] as const)('a dump that is or does “%s” is none', async (trouble, code) => {
    await change((now) => {
      now.trouble = trouble;
    });

    await expect(stage.dump(entry())).rejects.toMatchObject({ code });
  });

  test('a document that the server refuses ends the restore there', async () => {
    await change(({ databases }) => {
      databases['app'] = { notes: [{ _id: 1, text: 'refused' }] };
    });
    const dumps = await stage.dump(entry());

    await expect(stage.load(dumps, entry())).rejects.toMatchObject({
      code: 'HA_COMMAND_FAILED',
      message: expect.stringContaining('failed validation'),
    });
  });

  test('a dump that lacks a collection is found by the count', async () => {
    const dumps = await stage.dump(entry());

    const failed = stage.load(
      dumps.map((one) => ({ ...one, tables: 4 })),
      entry(),
    );

    await expect(failed).rejects.toThrow(/there are 3 collections after the restore/);
  });
});

describe('an archive', () => {
  const whole = archiveOf('app', NOTES);
  const judged = (bytes: Buffer, step = bytes.length) => {
    const watch = archiveWatch();
    for (let at = 0; at < bytes.length; at += step) watch.piece(bytes.subarray(at, at + step));
    return () => watch.finish('app');
  };

  test.each([1, 3, 7, 64, 100_000])('is read in pieces of %i bytes', (step) => {
    expect(judged(whole, step)()).toEqual({ server: '7.0.14', tool: '100.9.4', collections: 3 });
  });

  test('that is cut short anywhere is not whole', () => {
    for (let length = 0; length < whole.length; length += 1) {
      expect(judged(whole.subarray(0, length)), `${length}`).toThrow(/is not whole/);
    }
  });

  test('has views, time series and collections of the server, which are not counted twice or waited for', () => {
    const buckets = archiveOf('app', { 'system.buckets.heat': [{ _id: 1, text: 'warm' }], 'system.js': [] });
    const announced = archiveOf('app', { heat: [] }, { heat: 'timeseries', notes: 'collection', titles: 'view' });
    const contents = announced.subarray(0, announced.indexOf(END));
    const parts = [buckets, whole].map((one) => one.subarray(one.indexOf(END) + 4));

    expect(judged(Buffer.concat([contents, END, ...parts]))()).toMatchObject({ collections: 2 });
  });

  test('that is something else is none', async () => {
    const { stdout } = await call('sh', ['-c', 'echo this is no archive of mongodump at all']);

    expect(judged(Buffer.from(stdout))).toThrow('it is no archive of mongodump');
    expect(judged(Buffer.concat([whole.subarray(0, 4), Buffer.from('nonsense nonsense')]))).toThrow('no document');
  });
});
