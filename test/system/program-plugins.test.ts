/** The plugins that the documentation writes in Python and in shell, used as a user would use them. */
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';
import { needs } from '#test/support/needs.ts';
import { root } from '#test/support/sources.ts';

const CONFIG = `version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations: { usb: { type: local, path: DIR/usb } }
notifications:
  channels: { bell: { type: bell } }
services:
  - { name: thoughts, type: diary, folder: DIR/diary, token: hush-hush, backup: { destinations: [usb] } }
  - { name: dreams, type: diary, folder: DIR/nowhere, backup: { destinations: [usb] } }
`;

/** The block of the page that is a program in this language. */
async function programOf(language: string): Promise<string> {
  const page = await readFile(join(root, 'docs/plugins.md'), 'utf8');
  const block = page.match(new RegExp(`\`\`\`${language}\\n(#![^]*?)\`\`\``))?.[1];
  if (block === undefined) throw new Error(`docs/plugins.md has no program in ${language}`);
  return block;
}

async function install(lab: TestHomelab, path: string, text: string): Promise<void> {
  await chmod(await lab.write(`plugins.d/${path}`, text), 0o755);
}

test('a service in Python is backed up, and a channel in shell is told', async (context) => {
  needs(context, 'python3');
  await using lab = await startHomelab(CONFIG);
  await lab.write('diary/monday.txt', 'one');
  await install(lab, 'services/diary.py', await programOf('python'));
  await install(lab, 'notifications/bell.sh', (await programOf('sh')).replace('/var/spool/bell', `${lab.dir}/rung`));

  const checked = await lab.cli(['plugins', 'check', join(lab.dir, 'plugins.d')]);
  const { stop } = await lab.start(['up', '--port', '0']);
  const run = await lab.backup('thoughts');
  const failed = await lab.backup('dreams');
  const tested = await lab.cli(['notify', 'test', 'bell']);
  const { restorePoints } = JSON.parse((await lab.cli(['backups', 'thoughts', '--json'])).stdout);
  const files = await lab.cli(['backups', 'files', restorePoints[0].id]);
  const log = await lab.cli(['runs', 'logs', run.id]);
  await stop();

  expect(checked).toMatchObject({ status: 0, stdout: expect.stringContaining('service diary conforms') });
  expect(run.status).toBe('succeeded');
  expect(files.stdout).toContain('monday.txt');
  expect(files.stdout).not.toContain('closed');
  expect(failed).toMatchObject({ status: 'failed' });
  expect(JSON.stringify(failed)).toContain('there is no diary in');
  expect(tested.status).toBe(0);
  expect(await readFile(join(lab.dir, 'rung'), 'utf8')).toContain('"action":"send"');
  expect(log.stdout).not.toContain('hush-hush');
});
