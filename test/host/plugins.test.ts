/** Loading plugins: the user's own work from any folder, and a bad one is named and left out. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { PluginKind } from '#host/template.ts';
import { pluginTemplate } from '#host/template.ts';
import { tempDir } from '#test/support/tmp.ts';

const DRIVER = fileURLToPath(new URL('load-plugins.ts', import.meta.url));
const Answer = z.object({
  ids: z.record(z.string(), z.array(z.string())),
  /** Those of the user alone. */
  own: z.array(z.string()),
  problems: z.array(z.object({ file: z.string(), message: z.string() })),
  list: z.array(z.object({ id: z.string(), origin: z.string(), title: z.string() })),
});

/** In a real process of the product's own Node: vitest resolves imports in its own way. */
async function load(user: string) {
  const { stdout } = await promisify(execFile)(process.execPath, [DRIVER, user]);
  return Answer.parse(JSON.parse(stdout));
}

async function write(root: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

/** A whole plugin in one file, in TypeScript, with our sdk and our zod. */
function bell(id = 'bell', more = ''): string {
  return `import { AutopilotError, notification, secret } from 'homelab-autopilot/sdk';
import type { Message } from 'homelab-autopilot/sdk';
import { z } from 'zod';

function titleOf(message: Message): string {
  return message.title;
}

export const plugin = notification.define({
  id: '${id}',
  title: 'A bell',
  config: z.object({ loud: z.boolean().default(true), key: secret().optional() }),
  ${more}
  actions: {
    check: async () => ({ detail: 'it hangs there' }),
    send: async ({ config }, { message }) => {
      if (!config.loud) throw new AutopilotError('HA_REMOTE_UNREACHABLE', 'nobody hears it');
      return { delivered: true, detail: titleOf(message) };
    },
  },
});
`;
}

describe('a plugin of the user', () => {
  test('is one file in TypeScript that imports the sdk and zod from any folder', async () => {
    await using dir = await tempDir();
    await write(dir.path, { 'notifications/bell.ts': bell() });

    const { own, problems, list } = await load(dir.path);

    expect(problems).toEqual([]);
    expect(own).toEqual(['bell']);
    expect(list).toContainEqual({ id: 'bell', origin: 'user', title: 'A bell' });
  });

  test('may be a folder, may be JavaScript, and may be a link to a file elsewhere', async () => {
    await using dir = await tempDir();
    await using elsewhere = await tempDir();
    await write(elsewhere.path, { 'linked.ts': bell('linked') });
    const js = bell('plain')
      .replace(/import type.*\n/, '')
      .replaceAll(/: (Message|string)\b/g, '');
    await write(dir.path, { 'notifications/bell/index.ts': bell(), 'notifications/plain.js': js });
    await symlink(join(elsewhere.path, 'linked.ts'), join(dir.path, 'notifications/linked.ts'));

    const { own, problems } = await load(dir.path);

    expect(problems).toEqual([]);
    expect(own).toEqual(['bell', 'linked', 'plain']);
  });

  test('is loaded while its neighbours are broken, and each of these is named with what is wrong', async () => {
    await using dir = await tempDir();
    await write(dir.path, {
      'notifications/bell.ts': bell(),
      'notifications/syntax.ts': 'export const plugin = {\n  id: (;\n};\n',
      'notifications/empty.ts': 'export const other = 1;\n',
      'notifications/throws.ts': "throw new Error('no luck');\n",
      'notifications/misnamed.ts': bell('something-else'),
      'notifications/surplus.ts': bell('surplus').replace('check:', 'sing: async () => ({}),\n    check:'),
      'notifications/lacking.ts': bell('lacking').replace(/check: .*/, ''),
      'notifications/untyped.ts': bell('untyped').replace(/config: z.*/, 'config: {} as never,'),
      'notifications/reserved.ts': bell('reserved').replace('loud: z', 'type: z.string(), loud: z'),
      'notifications/typo.ts': bell('typo', "...{ tittle: 'x' },"),
      'notifications/alone.ts': "import 'some-library-that-is-not-there';\n",
      'services/bell.ts': bell(),
      'service/notes.ts': bell(),
      'notifications/README.md': 'not a plugin',
      'notifications/bell.test.ts': 'not a plugin',
    });

    const { own, problems } = await load(dir.path);

    expect(own).toEqual(['bell']);
    const told = Object.fromEntries(problems.map(({ file, message }) => [file.slice(dir.path.length + 1), message]));
    expect(Object.keys(told)).toHaveLength(12);
    expect(told).toMatchObject({
      'notifications/syntax.ts': expect.stringMatching(/line 2/),
      'notifications/empty.ts': 'it exports nothing named "plugin"',
      'notifications/throws.ts': 'line 1: no luck',
      'notifications/misnamed.ts': 'its id is "something-else", but its file is named "misnamed"',
      'notifications/surplus.ts': 'the action sing is not one of a notification plugin',
      'notifications/lacking.ts': 'the action check is missing, which every notification plugin has',
      'notifications/untyped.ts': expect.stringContaining('plugin.config: is not a zod object'),
      'notifications/reserved.ts': expect.stringContaining('plugin.config.type'),
      'notifications/typo.ts': expect.stringContaining('tittle'),
      'notifications/alone.ts': expect.stringContaining('some-library-that-is-not-there'),
      'services/bell.ts': 'it is a notification plugin in the folder of service plugins',
      service: expect.stringContaining('no kind of plugin has the folder "service"'),
    });
  });

  test('cannot take the id of a built-in one', async () => {
    await using dir = await tempDir();
    await write(dir.path, { 'services/generic.ts': bell('generic') });

    const { problems, list } = await load(dir.path);

    expect(problems.map(({ message }) => message)).toEqual([
      'the service "generic" is taken by a built-in plugin; give this one another name',
    ]);
    expect(list).toContainEqual({ id: 'generic', origin: 'built-in', title: 'Any program' });
  });

  test.each([
    ['the file', 'notifications/bell.ts', 0o666],
    ['a folder above it', 'notifications', 0o777],
  ])('is refused when everyone may write to %s', async (_, path, mode) => {
    await using dir = await tempDir();
    await write(dir.path, { 'notifications/bell.ts': bell() });
    await chmod(join(dir.path, path), mode);

    const { own, problems } = await load(dir.path);

    expect(own).toEqual([]);
    expect(problems[0]?.message).toContain(`chmod o-w ${join(dir.path, path)}`);
  });

  test('need not exist: without the folder there are just ours', async () => {
    const { problems, ids } = await load('/no/such/folder');

    expect(problems).toEqual([]);
    expect(ids['service']).toContain('generic');
  });
});

describe('a new plugin', () => {
  const kinds: PluginKind[] = ['hypervisor', 'service', 'destination', 'notification'];

  test.each(kinds)('of the kind %s loads, and its own test passes', async (kind) => {
    await using dir = await tempDir();
    const files = pluginTemplate(kind, 'my-own');
    await write(dir.path, files);

    const { problems, ids } = await load(dir.path);
    const testFile = Object.keys(files).find((path) => path.endsWith('.test.ts')) ?? '';
    const { stdout } = await promisify(execFile)(process.execPath, ['--test', join(dir.path, testFile)]);

    expect(problems).toEqual([]);
    expect(ids[kind]).toContain('my-own');
    expect(stdout).toMatch(/pass 2\n/);
  });

  test('cannot have a name that is not one', () => {
    expect(() => pluginTemplate('service', '../evil')).toThrow('cannot be the name of a plugin');
  });
});
