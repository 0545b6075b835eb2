/** The first two things that a stranger runs: `./setup`, and the command through a link in PATH. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasTool } from '#test/support/needs.ts';
import { root } from '#test/support/sources.ts';
import { tempDir } from '#test/support/tmp.ts';

/** What `setup` itself calls, besides what it looks for. */
const TOOLS = ['sh', 'cat', 'cut', 'dirname', 'find', 'grep', 'id', 'sed', 'uname', 'node', 'tar', 'redis-server'];

describe('setup', () => {
  test('names what is missing, changes nothing and fails when it only looks', async () => {
    await using dir = await tempDir();
    await linkTools(dir.path, [...TOOLS, 'npm']);

    const result = run(join(root, 'setup'), ['--check', '--minimal'], dir.path);

    expect(result.stdout).toMatch(/missing +zstd +compresses backups/);
    expect(result.stdout).not.toContain('restic');
    expect(result.stdout).toContain('./setup installs it');
    expect(result.status).toBe(1);
  });

  test('is quick when nothing is missing, for it starts neither npm nor apt-get', async () => {
    await using dir = await tempDir();
    await linkTools(dir.path, [...TOOLS, 'zstd']);
    for (const slow of ['npm', 'apt-get', 'sudo']) {
      await writeProgram(join(dir.path, slow), 'exit 99');
    }

    const result = run(join(root, 'setup'), ['--minimal'], dir.path);

    expect(result.stdout).toContain('Nothing is missing.');
    expect(result.status).toBe(0);
  });

  test.runIf(isDebian12())(
    'names the kernel for a guest of the tests where it is not yet, but not for running',
    async () => {
      await using dir = await tempDir();
      const setup = join(dir.path, 'setup');
      await copyFile(join(root, 'setup'), setup);
      const path = process.env['PATH'] ?? '';

      expect(run(setup, ['--check'], path).stdout).toMatch(/missing +guest kernel/);
      expect(run(setup, ['--check', '--minimal'], path).stdout).not.toContain('guest kernel');
    },
  );

  test('refuses an option that it does not know', () => {
    const result = run(join(root, 'setup'), ['--chekc'], process.env['PATH'] ?? '');

    expect(result.status).toBe(2);
    expect(result.stderr).toContain('--chekc');
  });
});

describe('the command', () => {
  test('is found through links, and hands over its arguments as they are', async () => {
    await using dir = await tempDir();
    await makeProgram(dir.path);
    await mkdir(join(dir.path, 'node_modules/node/bin'), { recursive: true });
    await symlink(process.execPath, join(dir.path, 'node_modules/node/bin/node'));
    await symlink('bin/homelab-autopilot', join(dir.path, 'first'));
    await symlink(join(dir.path, 'first'), join(dir.path, 'second'));

    const result = run(join(dir.path, 'second'), ['two words', '', '*'], process.env['PATH'] ?? '');

    expect(JSON.parse(result.stdout)).toEqual(['two words', '', '*']);
  });

  test('takes the Node of the system when the clone has none and the system has a new one', async () => {
    await using dir = await tempDir();
    await makeProgram(dir.path);
    await linkTools(dir.path, ['sh', 'readlink']);
    await symlink(process.execPath, join(dir.path, 'node'));

    const result = run(join(dir.path, 'bin/homelab-autopilot'), ['x'], dir.path);

    expect(JSON.parse(result.stdout)).toEqual(['x']);
  });

  test.each(['v20.19.0', 'v24.11.1', ''])('says what to do when the only Node is "%s"', async (version) => {
    await using dir = await tempDir();
    await makeProgram(dir.path);
    await linkTools(dir.path, ['sh', 'readlink']);
    await writeProgram(join(dir.path, 'node'), `echo ${version}`);

    const result = run(join(dir.path, 'bin/homelab-autopilot'), [], dir.path);

    expect(result.status).toBe(2);
    expect(result.stderr).toContain('needs Node 24.12 or newer');
    expect(result.stderr).toContain(`${dir.path}/setup`);
  });
});

function run(
  program: string,
  words: string[],
  path: string,
): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(program, words, { env: { PATH: path }, encoding: 'utf8' });
}

/** Where the tests with that guest were tried. */
function isDebian12(): boolean {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return process.arch === 'x64' && /^ID=debian$/m.test(release) && /^VERSION_ID="12"$/m.test(release);
}

/** A program whose main file prints its arguments. */
async function makeProgram(directory: string): Promise<void> {
  await mkdir(join(directory, 'bin'));
  await mkdir(join(directory, 'src/cli'), { recursive: true });
  await copyFile(join(root, 'bin/homelab-autopilot'), join(directory, 'bin/homelab-autopilot'));
  await writeFile(join(directory, 'src/cli/main.ts'), 'console.log(JSON.stringify(process.argv.slice(2)));\n');
}

/** Only where nothing is yet: writing through a link would change the program of the system behind it. */
async function writeProgram(path: string, script: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755, flag: 'wx' });
}

/** A PATH with these programs alone. */
async function linkTools(directory: string, tools: string[]): Promise<void> {
  const places = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  for (const tool of tools) {
    const place = places.find((candidate) => hasTool(tool) && isIn(candidate, tool));
    if (place !== undefined) await symlink(join(place, tool), join(directory, tool));
  }
}

function isIn(directory: string, tool: string): boolean {
  return spawnSync('test', ['-x', join(directory, tool)]).status === 0;
}
