/** Through rclone sets reach remotes of any kind: there when their manifest is, and verified by what the remote can do. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, type TestContext, test } from 'vitest';
import { plugin as rclone } from '#plugins/destinations/rclone/index.ts';
import { destination } from '#sdk/kinds/destination.ts';
import { openBed, restore } from '#test/archive/bed.ts';
import { openProxy } from '#test/chaos/proxy.ts';
import {
  filesBelow,
  keepsPromises,
  keepsSets,
  type Place,
  SET,
  stageSet,
} from '#test/plugins/destinations/promises.ts';
import { mountTmpfs } from '#test/support/mounts.ts';
import { needs } from '#test/support/needs.ts';
import { freePort } from '#test/support/redis.ts';
import { eventually } from '#test/support/wait.ts';

const AT = { ...SET, destination: 'nas' };

interface RclonePlace extends Place {
  configFile: string;
}

/** A bed whose destination `nas` is the remote that the text configures. */
async function openRemote(
  context: Pick<TestContext, 'skip'>,
  { remote = 'disk:', text, ...config }: { remote?: string; text?: (root: string) => string; verify_by?: string } = {},
): Promise<RclonePlace> {
  needs(context, 'rclone');
  const bed = await openBed({ plugins: [rclone], secrets: { config: 'rosebud' } });
  const root = join(bed.folder, 'server');
  await mkdir(root);
  const configFile = join(bed.folder, 'rclone.conf');
  await writeFile(configFile, text?.(root) ?? `[disk]\ntype = alias\nremote = ${root}\n`);
  bed.addDestination('nas', { remote, config_file: configFile, ...config }, 'rclone');
  return { bed, root, configFile, [Symbol.asyncDispose]: () => bed[Symbol.asyncDispose]() };
}

/** The remote is a WebDAV server, which has neither checksums nor whole answers to a cut line. */
async function openWebdav(context: Pick<TestContext, 'skip'>): Promise<RclonePlace & { port: number }> {
  needs(context, 'rclone');
  const port = await freePort();
  const place = await openRemote(context, { remote: 'dav:', text: () => davConfig(port) });
  const cache = ['--dir-cache-time', '0s', '--cache-dir', join(place.bed.folder, 'cache')];
  const words = ['serve', 'webdav', place.root, '--addr', `127.0.0.1:${port}`, '--config', '/dev/null', ...cache];
  const server = spawn('rclone', words, { stdio: 'ignore' });
  await eventually('the server answers', () => answers(port));
  return {
    ...place,
    port,
    async [Symbol.asyncDispose]() {
      server.kill('SIGTERM');
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
      await place[Symbol.asyncDispose]();
    },
  };
}

function davConfig(port: number): string {
  return `[dav]\ntype = webdav\nurl = http://127.0.0.1:${port}\nvendor = other\n`;
}

describe('a remote whose own checksums are believed', () => {
  keepsSets((context) => openRemote(context, { verify_by: 'server_checksum' }), { how: 'server checksum' });
});

describe('WebDAV', () => {
  keepsPromises(openWebdav);
});

test('a remote without SHA-256 cannot be believed, and says so before anything is copied', async (context) => {
  await using place = await openWebdav(context);
  const { bed, configFile } = place;
  bed.addDestination('nas', { remote: 'dav:', config_file: configFile, verify_by: 'server_checksum' }, 'rclone');

  await expect(bed.destination('nas', 'check', {})).rejects.toThrow('dav: tells no SHA-256 of its files');
});

test('an encrypted remote holds nothing readable, and gives the set back whole', async (context) => {
  const obscured = (text: string) => execFileSync('rclone', ['obscure', '-'], { input: text, encoding: 'utf8' }).trim();
  await using place = await openRemote(context, {
    remote: 'vault:',
    text: (root) => `[vault]\ntype = crypt\nremote = ${root}\npassword = ${obscured('secret')}\n`,
  });
  const { bed, root } = place;
  const { source, directory } = await stageSet(bed);

  await bed.destination('nas', 'store', { ...SET, directory });

  expect(await bed.archive('verifyCopy', AT)).toMatchObject({ how: 'read back' });
  const names = await filesBelow(root);
  expect(names).toHaveLength(5);
  expect(names.filter((name) => /notes|manifest|data/.test(name))).toEqual([]);
  const opened = destination.actions.open.output.parse(await bed.destination('nas', 'open', SET));
  const to = join(bed.folder, 'restored');
  await mkdir(to);
  await restore(bed, opened.directory, { to });
  execFileSync('diff', ['--recursive', source, join(to, source)]);
});

test('a line that is cut in mid-copy leaves no set, and the next attempt brings it whole', async (context) => {
  await using place = await openWebdav(context);
  const { bed, configFile, port } = place;
  await using line = await openProxy(port);
  await writeFile(configFile, davConfig(line.port));
  const slow = { remote: 'dav:', config_file: configFile, bandwidth_limit: '4M' };
  bed.addDestination('nas', slow, 'rclone');
  const { directory } = await stageSet(bed, 'set-one', 12 << 20);

  const attempt = bed.destination('nas', 'store', { ...SET, directory });
  attempt.catch(() => undefined);
  await eventually('data is under way', () => bed.stage.lines.some(({ message }) => message.includes('"bytes":')));
  line.set('cut');
  await expect(attempt).rejects.toMatchObject({ code: 'HA_REMOTE_UNREACHABLE' });
  await expect(attempt).rejects.toThrow('whether the last change happened is not known');
  line.set('whole');
  expect(await bed.destination('nas', 'list', {})).toEqual({ sets: [], unreadable: [] });
  bed.addDestination('nas', { remote: 'dav:', config_file: configFile }, 'rclone');
  await bed.destination('nas', 'store', { ...SET, directory });

  expect(await bed.archive('verifyCopy', AT)).toMatchObject({ how: 'read back' });
});

test('a copy that was cut off is removed by name', async (context) => {
  await using place = await openRemote(context);
  const { bed, root } = place;
  await mkdir(join(root, 'notes/set-one'), { recursive: true });
  await writeFile(join(root, 'notes/set-one/data.tar.zst'), 'cut off');

  expect(await bed.destination('nas', 'list', {})).toEqual({ sets: [], unreadable: [] });
  expect(await bed.destination('nas', 'remove', SET)).toEqual({ removed: true });
  expect(await readdir(join(root, 'notes'))).toEqual([]);
});

test('a remote that is full is named, and what it has of the set is not listed', async (context) => {
  await using bed = await openBed({ plugins: [rclone] });
  needs(context, 'rclone');
  await using disk = await mountTmpfs(context, join(bed.folder, 'disk'), '2m');
  const configFile = join(bed.folder, 'rclone.conf');
  await writeFile(configFile, `[disk]\ntype = alias\nremote = ${disk.path}\n`);
  bed.addDestination('nas', { remote: 'disk:', config_file: configFile }, 'rclone');
  const { directory } = await stageSet(bed, 'set-one', 4 << 20);

  const checked = await bed.destination('nas', 'check', {});
  const attempt = bed.destination('nas', 'store', { ...SET, directory });

  expect(checked['freeBytes']).toBe(2 << 20);
  await expect(attempt).rejects.toMatchObject({ code: 'HA_NO_SPACE' });
  expect(await bed.destination('nas', 'list', {})).toEqual({ sets: [], unreadable: [] });
});

test('a bandwidth limit is kept', async (context) => {
  await using place = await openRemote(context);
  const { bed, configFile } = place;
  bed.addDestination('nas', { remote: 'disk:', config_file: configFile, bandwidth_limit: '2M' }, 'rclone');
  const { directory } = await stageSet(bed, 'set-one', 6 << 20);

  const started = performance.now();
  await bed.destination('nas', 'store', { ...SET, directory });

  expect(performance.now() - started).toBeGreaterThan(2000);
});

test('an encrypted configuration is opened with its password, which is in no command line', async (context) => {
  await using place = await openRemote(context);
  const { bed, configFile } = place;
  await encrypt(configFile, 'rosebud');
  const config = { remote: 'disk:', config_file: configFile };
  const password = { $secret: { path: 'config', source: { from: 'configuration' } } };
  bed.addDestination('nas', { ...config, config_password: password }, 'rclone');
  bed.addDestination('locked', config, 'rclone');

  expect(await bed.destination('nas', 'check', {})).toMatchObject({ detail: 'disk:' });
  await expect(bed.destination('locked', 'check', {})).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
});

test('an unknown remote, a missing path and a server that is off are told apart', async (context) => {
  await using place = await openRemote(context);
  const { bed, configFile } = place;
  await writeFile(configFile, `${await readFile(configFile, 'utf8')}${davConfig(await freePort())}`);
  const refusalOf = async (remote: string) => {
    bed.addDestination('nas', { remote, config_file: configFile }, 'rclone');
    return await bed.destination('nas', 'check', {}).catch((error: unknown) => error);
  };

  expect(await refusalOf('nowhere:backups')).toMatchObject({ code: 'HA_CONFIG_INVALID' });
  expect(await refusalOf('disk:missing')).toMatchObject({
    code: 'HA_DESTINATION_UNUSABLE',
    next: expect.stringContaining('rclone mkdir disk:missing'),
  });
  expect(await refusalOf('dav:')).toMatchObject({ code: 'HA_REMOTE_UNREACHABLE' });
});

test.each(['--config=/etc/passwd', '-v:', ':local:/etc', 'disk', 'disk,copy_links=true:x'])(
  'the remote %j is refused by its form',
  async (remote) => {
    await using bed = await openBed({ plugins: [rclone] });
    bed.addDestination('nas', { remote }, 'rclone');

    await expect(bed.destination('nas', 'check', {})).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
  },
);

/** What `rclone config` asks, each at the beginning of a line, and what is answered. */
const DIALOGUE = [
  ['\ne/n/d/r/c/s/q> ', 's'],
  ['\na/q> ', 'a'],
  ['\npassword:', 'PASSWORD'],
  ['\npassword:', 'PASSWORD'],
  ['\nc/u/q> ', 'q'],
  ['\ne/n/d/r/c/s/q> ', 'q'],
] as const;

/** Each question is answered when it was asked whole, however it comes in pieces. */
async function encrypt(configFile: string, password: string): Promise<void> {
  const child = spawn('rclone', ['config', '--config', configFile], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  let heard = '';
  child.stdout.on('data', (text: Buffer) => (heard += text.toString()));
  child.stderr.on('data', (text: Buffer) => (heard += text.toString()));
  for (const [question, answer] of DIALOGUE) {
    await eventually(`rclone asks ${question.trim()}`, () => heard.includes(question));
    heard = heard.slice(heard.indexOf(question) + question.length);
    child.stdin.write(`${answer.replace('PASSWORD', password)}\n`);
  }
  await ended;
  expect(await readFile(configFile, 'utf8')).toContain('RCLONE_ENCRYPT');
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
