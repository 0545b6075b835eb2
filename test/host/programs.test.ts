/** Plugins in any language: a program is described, checked and asked like a module, and a bad one is left out. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openPlugin } from '#host/harness.ts';
import { loadPlugins } from '#host/plugins.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { tempDir } from '#test/support/tmp.ts';

const DESCRIBED =
  '{"protocol":1,"title":"A bell","config":{"properties":{"loud":{"type":"boolean","default":true},"key":{"secret":true}}},"actions":["check","send"]}';

const MESSAGE = {
  id: 'm1',
  event: 'backup_failed',
  severity: 'error',
  title: 'It failed',
  text: 'so it is',
  at: '2026-01-01T00:00:00Z',
};

/** A bell that says what `send` and `check` are to do in lines of shell. */
function bell({ described = DESCRIBED, check = `echo '{"detail":"hangs there"}'`, send = 'exit 9' } = {}): string {
  return `#!/bin/sh
case $1 in
  describe) echo '${described}' ;;
  check) ${check} ;;
  send) ${send} ;;
esac
`;
}

async function load(files: Record<string, string>, mode = 0o755) {
  const dir = await tempDir();
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir.path, path)), { recursive: true });
    await writeFile(join(dir.path, path), text);
    await chmod(join(dir.path, path), mode);
  }
  const found = await loadPlugins({ builtin: join(dir.path, '.none'), user: dir.path });
  return { dir, ...found, [Symbol.asyncDispose]: async () => dir[Symbol.asyncDispose]() };
}

async function openBell(program: string, secrets: Record<string, string> = {}) {
  const found = await load({ 'notifications/bell': program });
  const plugin = await openPlugin(found.catalog.find('notification', 'bell'), [], async ({ $secret }) => {
    return secrets[$secret.path] ?? '';
  });
  return {
    ...plugin,
    [Symbol.asyncDispose]: async () => {
      await plugin[Symbol.asyncDispose]();
      await found[Symbol.asyncDispose]();
    },
  };
}

describe('a program', () => {
  test('is a plugin when it describes itself, with or without an ending in its name', async () => {
    await using found = await load({ 'notifications/bell.sh': bell(), 'notifications/gong': bell() });

    expect(found.problems).toEqual([]);
    expect(found.list).toMatchObject([
      { kind: 'notification', id: 'bell', title: 'A bell', origin: 'user' },
      { kind: 'notification', id: 'gong', title: 'A bell', origin: 'user' },
    ]);
  });

  test.each([
    ['that may not be run', 'bell.sh', bell(), 0o644, /chmod \+x/],
    ['that everyone may write to', 'bell.sh', bell(), 0o777, /everyone on this machine may write/],
    ['of another protocol', 'bell', bell({ described: DESCRIBED.replace(':1', ':2') }), 0o755, /protocol.*speaks/],
    [
      'without an action of its kind',
      'bell',
      bell({ described: DESCRIBED.replace(',"send"', '') }),
      0o755,
      /send is missing/,
    ],
    [
      'with a schema that is none',
      'bell',
      bell({ described: DESCRIBED.replace('boolean', 'bool') }),
      0o755,
      /loud: .*bool/,
    ],
    [
      'with a key that every channel has',
      'bell',
      bell({ described: DESCRIBED.replace('loud', 'type') }),
      0o755,
      /choose another/,
    ],
    ['that prints no JSON', 'bell', '#!/bin/sh\necho hello\n', 0o755, /answered describe with .*hello/],
    ['that fails', 'bell', '#!/bin/sh\necho no luck >&2\nexit 3\n', 0o755, /no luck/],
    ['that cannot be started', 'bell', '#!/no/such/interpreter\n', 0o755, /bell/],
  ])('%s is left out, and named with what is wrong', async (_, name, text, mode, problem) => {
    await using found = await load({ [`notifications/${name}`]: text }, mode);

    expect(found.list).toEqual([]);
    expect(found.problems).toEqual([
      { file: join(found.dir.path, 'notifications', name), message: expect.stringMatching(problem) },
    ]);
  });

  test('gets its configuration with defaults and the values of secrets, which are masked in what it says', async () => {
    const program = bell({ check: `printf '{"detail":"'; tr -d '"\\n'; printf '"}'` });
    await using plugin = await openBell(program, { 'channels.bell.key': 'hush-hush' });

    const key = { $secret: { path: 'channels.bell.key', source: { from: 'configuration' } } };
    const { detail } = await plugin.run('check', { key });

    expect(detail).toContain('action:check,name:test,host:test,step:test-check');
    expect(detail).toContain('loud:true');
    expect(detail).toContain('key:***');
  });

  test('refuses a configuration that its schemas do not allow', async () => {
    await using plugin = await openBell(bell());

    await expect(plugin.run('check', { loud: 'very' })).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
    await expect(plugin.run('check', { laud: true })).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
  });

  test('tells an error with its code, and what to do', async () => {
    const error = '{"error":{"code":"HA_REMOTE_UNREACHABLE","message":"nobody hears it","next":"come closer"}}';
    await using plugin = await openBell(bell({ send: `echo '${error}'` }));

    await expect(plugin.run('send', {}, { message: MESSAGE })).rejects.toMatchObject({
      code: 'HA_REMOTE_UNREACHABLE',
      message: 'nobody hears it',
      next: 'come closer',
    });
  });

  test.each([
    ['prints nothing', 'true', /nothing/],
    ['prints more than one object', 'echo "{} {}"', /one JSON object/],
    ['leaves out what the action gives', `echo '{"detail":"x"}'`, /delivered/],
    ['tells an error without a message', `echo '{"error":{}}'`, /without a message/],
  ])('that %s has given no answer', async (_, send, problem) => {
    await using plugin = await openBell(bell({ send }));

    const failure = await plugin.run('send', {}, { message: MESSAGE }).catch((error: unknown) => error);

    expect(failure).toBeInstanceOf(AutopilotError);
    expect(failure).toMatchObject({ code: 'HA_BAD_OUTPUT', message: expect.stringMatching(problem) });
  });

  test('that fails is told with the end of what it said', async () => {
    await using plugin = await openBell(bell({ send: 'echo the rope is torn >&2; exit 7' }));

    await expect(plugin.run('send', {}, { message: MESSAGE })).rejects.toMatchObject({
      code: 'HA_COMMAND_FAILED',
      message: expect.stringContaining('the rope is torn'),
    });
  });

  test('that prints without end takes no more memory than its limit, and has given no answer', async () => {
    await using plugin = await openBell(bell({ send: 'head -c 200000000 /dev/zero | tr "\\0" x' }));
    const before = process.memoryUsage().rss;

    await expect(plugin.run('send', {}, { message: MESSAGE })).rejects.toMatchObject({ code: 'HA_BAD_OUTPUT' });
    expect(process.memoryUsage().rss - before).toBeLessThan(100 << 20);
  });
});
