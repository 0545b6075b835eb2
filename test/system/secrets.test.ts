/** Where the value of a secret must not be found after a run that used it. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TestHomelab } from '#test/support/homelab.ts';
import { startHomelab } from '#test/support/homelab.ts';
import { eventually } from '#test/support/wait.ts';

const PLUGIN = `/** A service whose plugin uses its secret in every way that it should and should not. */
import { secret, service } from 'homelab-autopilot/sdk';
import { z } from 'zod';

export const plugin = service.define({
  id: 'talker',
  title: 'A service that talks too much',
  config: z.object({ folder: z.string(), password: secret(), token: secret(), key: secret() }),
  actions: {
    inspect: async () => ({ state: 'up', detail: 'talks' }),
    sources: async ({ config }) => ({ sources: [{ path: config.folder }] }),
    async quiesce(tools) {
      const { password, token, key } = tools.config;
      const said = [await tools.secret(password), await tools.secret(token), await tools.secret(key)].join(' and ');
      tools.log.info('logging in with ' + said, { said });
      await tools.exec(['echo', said]);
      return { summary: 'logged in with ' + said, outage: false };
    },
    async resume(tools) {
      throw new Error('the server refused ' + (await tools.secret(tools.config.password)));
    },
    validate: async () => ({ healthy: true, summary: 'fine', probes: [] }),
  },
});
`;

test('a secret is in no job, no log, no history and no answer, even when a plugin talks of it', async () => {
  await using lab = await startHomelab(`global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations: { usb: { type: local, path: DIR/usb } }
services:
  - name: talker
    type: talker
    folder: DIR/data
    password_file: DIR/password
    token_command: [cat, DIR/token]
    key: hush-in-the-file
    backup: { destinations: [usb] }
`);
  await lab.write('data/a.txt', 'one');
  await lab.write('password', 'hush-from-a-file\n');
  await lab.write('token', 'hush-from-a-command\n');
  await lab.write('plugins.d/services/talker.ts', PLUGIN);
  const { url, stop } = await lab.start(['up', '--port', '0']);

  const asked = JSON.parse((await lab.cli(['enqueue', 'backup', 'talker', '--json'])).stdout);
  const [{ id }] = asked.runs;
  const shown = await untilFirstFailure(lab, id);
  const pages = await Promise.all(
    ['runs', 'service.here', 'requests'].map(async (name) =>
      (await fetch(`${url}/queues/api/queues?activeQueue=${name}&page=1&jobsPerPage=50`)).text(),
    ),
  );
  const plan = await lab.cli(['plan', 'backup', 'talker', '--json']);
  await lab.cli(['runs', 'cancel', id]);
  await stop();

  expect(shown).toContain('***');
  expect(pages.join('')).toContain(id);
  for (const text of [shown, ...pages, plan.stdout]) expect(text).not.toContain('hush-');
  expect(await filesWith('hush-', [join(lab.dir, 'state'), join(lab.dir, 'log'), join(lab.dir, 'usb')])).toEqual([]);
});

/** Follows the log until the step that fails has told why. */
function untilFirstFailure(lab: TestHomelab, id: string): Promise<string> {
  return eventually('the step that fails has told why', async () => {
    const { stdout } = await lab.cli(['runs', 'logs', id]);
    return stdout.includes('the server refused') ? stdout : undefined;
  });
}

async function filesWith(needle: string, folders: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const folder of folders) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])) {
      const file = join(entry.parentPath, entry.name);
      if (entry.isFile() && (await readFile(file)).includes(needle)) found.push(file);
    }
  }
  return found;
}
