/** A capture tells what it met: what vanished, what cannot be read, what has no room. */
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { capture } from '#archive/capture.ts';
import { seal } from '#archive/seal.ts';
import type { Argv, Tools } from '#sdk/tools.ts';
import { type Bed, openBed, SERVICE, verify, writeTree } from '#test/archive/bed.ts';
import { processesWith } from '#test/host/stage.ts';
import { mountTmpfs } from '#test/support/mounts.ts';
import { eventually } from '#test/support/wait.ts';

const superuser = process.getuid?.() === 0;

function inputFor(path: string, exclude: string[] = []) {
  const compression = { algorithm: 'zstd' as const, level: 1 };
  return { set: 'set-one', service: SERVICE, run: 'run1', sources: [{ path, exclude }], compression };
}

/** tar waits until the file `go` is there: time for a test to change what tar will find. */
function withWaitingTar(tools: Tools, go: string): Tools {
  const wait = 'while [ ! -e "$0" ]; do sleep 0.02; done; exec "$@"';
  return {
    ...tools,
    spawn: (argv, options) =>
      tools.spawn(argv[0] === 'tar' ? (['sh', '-c', wait, go, ...argv] satisfies Argv) : argv, options),
  };
}

async function namesListed(bed: Bed): Promise<number> {
  const list = join(`${bed.staged('set-one')}.partial`, 'names');
  return (await readFile(list, 'latin1').catch(() => '')).split('\0').length - 1;
}

test('a file that vanishes while it is read is a warning that names it, and the rest is a whole set', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), {
    'a.txt': 'one',
    'gone\n1.txt': 'two',
    'dir/b.txt': 'three',
  });
  const go = join(bed.folder, 'go');

  const output = await bed.withTools(async (tools) => {
    const capturing = capture(withWaitingTar(tools, go), inputFor(source));
    await eventually('the walk has ended', async () => (await namesListed(bed)) === 5);
    await rm(join(source, 'gone\n1.txt'));
    await rm(join(source, 'dir'), { recursive: true });
    await writeFile(go, '');
    const captured = await capturing;
    await seal(tools, { set: 'set-one', service: SERVICE });
    return captured;
  });

  expect(output.warnings.toSorted()).toEqual([
    `/${source.slice(1)}/dir vanished while it was read`,
    `/${source.slice(1)}/dir/b.txt vanished while it was read`,
    `/${source.slice(1)}/gone\\n1.txt vanished while it was read`,
  ]);
  expect(await verify(bed, bed.staged('set-one'))).toMatchObject({ ok: true, entries: 2 });
});

test('a source that is missing is named', async () => {
  await using bed = await openBed();

  const attempt = bed.archive('capture', inputFor(join(bed.folder, 'nothing')));

  await expect(attempt).rejects.toMatchObject({
    code: 'HA_SOURCE_MISSING',
    message: `${bed.folder}/nothing does not exist`,
  });
});

test('a source that another one excludes is refused, for nobody could tell what was meant', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'in/a.txt': 'one' });
  const sources = [{ path: source, exclude: ['in'] }, { path: join(source, 'in') }];

  const attempt = bed.archive('capture', { ...inputFor(source), sources });

  await expect(attempt).rejects.toMatchObject({ code: 'HA_USAGE' });
});

/** The superuser reads everything, so the test becomes somebody else for a while. */
async function asNobody(bed: Bed, work: () => Promise<void>): Promise<void> {
  for (const path of [dirname(bed.stage.folder), bed.stage.folder]) await chmod(path, (await stat(path)).mode | 0o011);
  await mkdir(bed.stateDir, { recursive: true });
  await chown(bed.stateDir, 65_534, 65_534);
  process.seteuid?.(65_534);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
}

test.skipIf(!superuser)('an unreadable file ends the capture and is named, unless it is excluded', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one', 'secret.key': 'two' });
  await chmod(join(source, 'secret.key'), 0o000);

  await asNobody(bed, async () => {
    const attempt = bed.archive('capture', inputFor(source));
    await expect(attempt).rejects.toMatchObject({ code: 'HA_SOURCE_UNREADABLE' });
    await expect(attempt).rejects.toThrow(`cannot read ${source}/secret.key (Cannot open: Permission denied)`);
    expect(await bed.archive('capture', inputFor(source, ['*.key']))).toMatchObject({ files: 1, warnings: [] });
  });
});

test.skipIf(!superuser)('an unreadable directory is found before anything is stopped', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one', 'private/b.txt': 'two' });
  await chmod(join(source, 'private'), 0o000);

  await asNobody(bed, async () => {
    const attempt = bed.archive('preflight', { sources: [{ path: source }], destinations: [] });
    await expect(attempt).rejects.toMatchObject({ code: 'HA_SOURCE_UNREADABLE' });
    await expect(attempt).rejects.toThrow(`${source}/private`);
  });
});

test('a staging directory that is full is told as that', async (context) => {
  await using bed = await openBed();
  await using _staging = await mountTmpfs(context, join(bed.stateDir, 'backups'), '1m');
  const source = await writeTree(join(bed.folder, 'srv'), {});
  await mkdir(source);
  await writeFile(join(source, 'large'), randomBytes(4 << 20));

  const attempt = bed.archive('capture', inputFor(source));

  await expect(attempt).rejects.toMatchObject({ code: 'HA_NO_SPACE', message: 'the staging directory is full' });
});

test('a capture that is cancelled leaves no process, and discard leaves no file', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  const cancel = new AbortController();

  await bed.withTools(async (tools) => {
    const capturing = capture(withWaitingTar(tools, join(bed.folder, 'never')), inputFor(source));
    await eventually('the walk has ended', async () => (await namesListed(bed)) === 2);
    cancel.abort(new Error('cancelled by the test'));
    await expect(capturing).rejects.toThrow('cancelled by the test');
  }, cancel.signal);
  await bed.archive('discard', { set: 'set-one', service: SERVICE });

  expect(await processesWith(source)).toEqual([]);
  expect(await readdir(join(bed.stateDir, 'backups/staging'))).toEqual([]);
});

test('discard leaves the sets of other runs alone', async () => {
  await using bed = await openBed();
  const source = await writeTree(join(bed.folder, 'srv'), { 'a.txt': 'one' });
  await bed.archive('capture', { ...inputFor(source), set: 'set-two' });
  await bed.archive('capture', inputFor(source));
  await bed.archive('seal', { set: 'set-one', service: SERVICE });

  await bed.archive('discard', { set: 'set-one', service: SERVICE });
  await bed.archive('discard', { set: 'set-one', service: SERVICE });

  expect(await readdir(join(bed.stateDir, 'backups/staging'))).toEqual(['set-two.partial']);
});

test('seal without a finished capture is told', async () => {
  await using bed = await openBed();

  await expect(bed.archive('seal', { set: 'set-one', service: SERVICE })).rejects.toMatchObject({
    code: 'HA_NOT_FOUND',
  });
});

test('data that is to be shared gives the same bytes again behind a change, and restores as any other', async () => {
  await using bed = await openBed();
  const source = join(bed.folder, 'srv');
  const rest = randomBytes(16 << 20).toString('hex');
  await writeTree(source, { 'a.log': `one${rest}` });
  const packed = async (set: string, shareable: boolean) => {
    const input = { ...inputFor(source), set, shareable };
    await bed.archive('capture', input);
    await bed.archive('seal', { set, service: SERVICE });
    return await readFile(join(bed.staged(set), 'data.tar.zst'));
  };

  const before = await packed('set-one', true);
  const plain = await packed('set-two', false);
  await writeFile(join(source, 'a.log'), `one and two${rest}`);
  const after = await packed('set-three', true);
  const plainAfter = await packed('set-four', false);

  const end = (bytes: Buffer) => bytes.subarray(-4_000_000, -1_000_000);
  expect(after.indexOf(end(before))).toBeGreaterThan(0);
  expect(plainAfter.indexOf(end(plain))).toBe(-1);
  expect(await verify(bed, bed.staged('set-three'))).toMatchObject({ ok: true });
});
