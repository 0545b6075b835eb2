/** The demo's service is a real one: it keeps what it is given, and its control commands can be asked twice. */
import { execFile } from 'node:child_process';
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort } from '#test/support/redis.ts';
import { root } from '#test/support/sources.ts';
import { type TempDir, tempDir } from '#test/support/tmp.ts';

const run = promisify(execFile);

let dir: TempDir;
let data: string;
let port: number;

beforeEach(async () => {
  dir = await tempDir();
  data = join(dir.path, 'notes');
  port = await freePort();
});

afterEach(async () => {
  await notesctl('stop');
  await dir[Symbol.asyncDispose]();
});

test('a note and its attachment are there after a restart', async () => {
  await notesctl('start');
  await post({ text: 'buy milk', attachment: Buffer.from('a picture of milk').toString('base64') });
  await post({ text: 'no picture' });
  const before = await notes();

  await notesctl('stop');
  await notesctl('start');

  expect(await notes()).toEqual(before);
  expect(before.map((note) => String(note['text'])).toSorted((a, b) => a.localeCompare(b))).toEqual([
    'buy milk',
    'no picture',
  ]);
});

test('starting twice and stopping twice are both fine', async () => {
  const first = await notesctl('start');
  const second = await notesctl('start');
  const third = await notesctl('stop');
  const fourth = await notesctl('stop');

  expect(first).toContain('started');
  expect(second).toContain('already running');
  expect(third).toContain('stopped');
  expect(fourth).toContain('not running');
  await expect(notesctl('status')).rejects.toThrow('not running');
});

test('a pid file that a crash left behind neither blocks a start nor kills a stranger', async () => {
  await writeFile(`${data}.pid`, `${process.pid}\n`);

  const stop = await notesctl('stop');
  await writeFile(`${data}.pid`, `${process.pid}\n`);
  const start = await notesctl('start');

  expect(stop).toContain('not running');
  expect(start).toContain('started');
});

test('flush empties the write-ahead log while the service runs', async () => {
  await notesctl('start');
  await post({ text: 'written down' });
  const before = await stat(join(data, 'notes.db-wal'));

  await notesctl('flush');

  expect(before.size).toBeGreaterThan(0);
  expect((await stat(join(data, 'notes.db-wal'))).size).toBe(0);
});

test('a lost attachment shows in the answer', async () => {
  await notesctl('start');
  await post({ text: 'x', attachment: Buffer.from('y').toString('base64') });
  await rm(join(data, 'files'), { recursive: true });

  expect(await notes()).toMatchObject([{ text: 'x', attachment: 'missing' }]);
});

test('a note without text is refused with a reason', async () => {
  await notesctl('start');

  const response = await post({ text: '' });

  expect(response.status).toBe(400);
  expect(await response.text()).toContain('text');
});

test('a port that is taken is told with the end of the log', async () => {
  await notesctl('start');
  const other = ['start', '--data', join(dir.path, 'other'), '--port', String(port)];

  await expect(run(process.execPath, [join(root, 'demo/notes/notesctl.ts'), ...other])).rejects.toThrow('EADDRINUSE');
});

async function notesctl(command: string): Promise<string> {
  const words = [join(root, 'demo/notes/notesctl.ts'), command, '--data', data, '--port', String(port)];
  return (await run(process.execPath, words)).stdout;
}

async function post(note: { text: string; attachment?: string }): Promise<Response> {
  return await fetch(`http://127.0.0.1:${port}/notes`, { method: 'POST', body: JSON.stringify(note) });
}

async function notes(): Promise<Record<string, unknown>[]> {
  const response = await fetch(`http://127.0.0.1:${port}/notes`);
  const { notes: list } = (await response.json()) as { notes: Record<string, unknown>[] };
  return list;
}
