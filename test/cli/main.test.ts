/** The command line as a process: help, exit status, and nothing but data on stdout. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commands } from '#cli/commands/index.ts';
import type { CommandSpec } from '#cli/spec.ts';
import { type TempDir, tempDir } from '#test/support/tmp.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

let folder = '';
let dir: TempDir;

beforeAll(async () => {
  dir = await tempDir();
  folder = dir.path;
});

afterAll(async () => await dir[Symbol.asyncDispose]());

interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

async function cli(...words: string[]): Promise<Result> {
  return new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], HOME: folder };
    const child = execFile(process.execPath, [MAIN, ...words], { cwd: folder, env }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

test('help is printed without a configuration', async () => {
  const { code, stdout } = await cli('--help');

  expect(code).toBe(0);
  expect(stdout).toContain('Usage: homelab-autopilot');
});

function paths(specs: readonly CommandSpec[], before: string[] = []): { path: string[]; spec: CommandSpec }[] {
  return specs.flatMap((spec) => {
    const path = [...before, spec.name];
    return [{ path, spec }, ...paths(spec.children ?? [], path)];
  });
}

test('every command has help with examples of itself', () => {
  for (const { path, spec } of paths(commands)) {
    expect(spec.examples.length, path.join(' ')).toBeGreaterThan(0);
    // `completion` is shown inside of the shell's own words.
    for (const { line } of spec.examples) expect(line).toContain(`homelab-autopilot ${path[0]}`);
  }
});

test('help of a command shows its options, the global ones, and its examples', async () => {
  const { code, stdout } = await cli('enqueue', '--help');

  expect(code).toBe(0);
  expect(stdout).toContain('--wait');
  expect(stdout).toContain('--config <file>');
  expect(stdout).toContain('homelab-autopilot enqueue backup notes --wait');
});

test.each([
  { words: [], code: 2, stderr: 'Usage: homelab-autopilot' },
  { words: ['enqeue'], code: 2, stderr: 'Did you mean "enqueue"?' },
  { words: ['runs', 'shwo', 'b7k2'], code: 2, stderr: 'unknown command "shwo"\n  Did you mean "show"?' },
  { words: ['runs', '--limt', '3'], code: 2, stderr: 'Did you mean "--limit"?' },
  { words: ['runs', '--limit', 'many'], code: 2, stderr: '"many" is not a whole number from 1 to 10000' },
  { words: ['runs', '--status', 'faild'], code: 2, stderr: 'Did you mean "failed"?' },
  { words: ['config'], code: 2, stderr: 'Commands:' },
  { words: ['plan', 'backup'], code: 2, stderr: 'missing required argument "service"' },
  { words: ['plugins', 'new', 'thing', 'x'], code: 2, stderr: 'Allowed choices are hypervisor, service' },
  { words: ['plugins', 'actions', 'thing'], code: 2, stderr: 'Allowed choices are hypervisor, service' },
  { words: ['plugins', 'check', 'nowhere'], code: 2, stderr: 'there is no folder' },
  { words: ['backups', 'prune'], code: 2, stderr: 'needs --dry-run' },
  { words: ['schedules', 'next', '--days', '0'], code: 2, stderr: 'from 1 to 366' },
  { words: ['runs', '--config', 'none.yaml'], code: 2, stderr: 'none.yaml' },
  { words: ['doctor', 'extra'], code: 2, stderr: 'one argument too many: "extra"' },
])('$words is refused with exit status $code', async ({ words, code, stderr }) => {
  const result = await cli(...words);

  expect(result.stdout).toBe('');
  expect(result.stderr).toContain(stderr);
  expect(result.code).toBe(code);
  expect(result.stderr).not.toMatch(/^ {4}at /m);
});

test('a wrong configuration is told by file, line and column, as JSON when asked', async () => {
  const file = join(folder, 'wrong.yaml');
  await writeFile(file, 'version: 1\nservices: []\nbakcup: {}\n');

  const { code, stdout } = await cli('config', 'validate', '--config', file, '--json');

  expect(code).toBe(2);
  const document = JSON.parse(stdout);
  expect(document.valid).toBe(false);
  expect(document.errors[0]).toMatchObject({ file, line: 3, column: 1, path: 'bakcup', suggestion: 'backup' });
});

test('a good configuration is shown with its defaults, and every document on stdout is one JSON document', async () => {
  const file = join(folder, 'good.yaml');
  await writeFile(file, `version: 1\nglobal: { state_dir: ${folder}/state, log_dir: ${folder}/log }\nservices: []\n`);

  const validated = await cli('config', 'validate', '--config', file, '--json');
  const shown = await cli('config', 'show', '--config', file, '--json');
  const schema = await cli('config', 'schema', '--config', file);
  const value = await cli('config', 'get', 'global.state_dir', '--config', file);
  const schedules = await cli('schedules', '--config', file, '--json');

  expect(JSON.parse(validated.stdout)).toMatchObject({ valid: true, errors: [] });
  expect(JSON.parse(shown.stdout)).toHaveProperty('global');
  expect(JSON.parse(schema.stdout)).toHaveProperty('$schema');
  expect(value.stdout).toBe(`${folder}/state\n`);
  expect(JSON.parse(schedules.stdout)).toEqual({ schedules: [] });
});

test('nothing runs: what needs the controller exits with 3, what does not says so', async () => {
  const file = join(folder, 'alone.yaml');
  const state = `global: { state_dir: ${folder}/alone, log_dir: ${folder}/alone/log }`;
  const backup = `backup: { paths: [${folder}], destinations: [here] }`;
  const services = `services: [{ name: notes, type: generic, ${backup} }]`;
  const destinations = `destinations: { here: { type: local, path: ${folder}/here } }`;
  await writeFile(file, `version: 1\n${state}\n${destinations}\n${services}\n`);

  const runs = await cli('runs', '--config', file, '--json');
  const enqueue = await cli('enqueue', 'backup', 'notes', '--config', file);
  const unknown = await cli('enqueue', 'backup', 'nots', '--config', file);
  const plan = await cli('plan', 'backup', 'notes', '--config', file);

  expect(runs).toMatchObject({ code: 3, stdout: '' });
  expect(enqueue).toMatchObject({ code: 3, stdout: '' });
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain('Did you mean "notes"?');
  expect(plan.code).toBe(0);
  expect(plan.stdout).toContain('would backup notes');
  expect(plan.stderr).toContain('No controller answers');
});

test('the actions of a kind are told for people, and as JSON Schemas for a plugin in another language', async () => {
  const told = await cli('plugins', 'actions', 'notification');
  const { actions } = JSON.parse((await cli('plugins', 'actions', 'notification', '--json')).stdout);

  expect(told.stdout).toMatch(/send +run again +Delivers one message/);
  expect(actions).toMatchObject([
    { name: 'check', output: { required: ['detail'] } },
    { name: 'send', input: { required: ['message'] }, output: { required: ['delivered', 'detail'] } },
  ]);
});

test('a new plugin is written, conforms, and is never written over; one with a syntax error is named', async () => {
  const plugins = join(folder, 'own');

  const made = await cli('plugins', 'new', 'destination', 'my-nas', '--dir', plugins, '--json');
  const checked = await cli('plugins', 'check', plugins, '--json');
  await writeFile(join(plugins, 'destinations/broken.ts'), 'export const plugin = {{{');
  const broken = await cli('plugins', 'check', plugins);
  const oneFile = await cli('plugins', 'check', join(plugins, 'destinations/my-nas.ts'));
  const again = await cli('plugins', 'new', 'destination', 'my-nas', '--dir', plugins);

  expect(oneFile).toMatchObject({ code: 2, stderr: expect.stringContaining('is a file, not a folder of plugins') });
  expect(JSON.parse(made.stdout).files[0]).toBe(join(plugins, 'destinations/my-nas.ts'));
  expect(JSON.parse(checked.stdout)).toMatchObject({
    conforming: true,
    plugins: [{ kind: 'destination', id: 'my-nas' }],
  });
  expect(broken.code).toBe(1);
  expect(broken.stdout).toContain('✔ destination my-nas conforms');
  expect(broken.stdout).toMatch(/✘ left out: .*destinations\/broken\.ts: line 1/);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('exists already') });
});

test('a pipe that is closed early ends the command quietly', async () => {
  const child = spawn(process.execPath, [MAIN, 'completion', 'bash'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdout.destroy();

  await once(child, 'close');

  expect(stderr).toBe('');
});

test('the completion for bash is a script that bash accepts and that completes', {
  skip: process.platform === 'win32',
}, async () => {
  const { stdout } = await cli('completion', 'bash');
  const script = `${stdout}\nCOMP_WORDS=(homelab-autopilot backups re); COMP_CWORD=2; _homelab_autopilot; echo "\${COMPREPLY[@]}"`;

  const completed = await new Promise<string>((resolve) => {
    execFile('bash', ['-c', script], (_error, output) => resolve(output));
  });

  expect(completed.trim()).toBe('restore');
});
