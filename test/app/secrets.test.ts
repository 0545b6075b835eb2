/** Secrets as a process of the product fetches them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createSecretResolver } from '#app/secrets.ts';
import { configOf } from '#test/cli/stage.ts';
import { tempDir } from '#test/support/tmp.ts';

test('a secret is what its command prints, however long that takes, or what its file holds', async () => {
  await using dir = await tempDir();
  await writeFile(join(dir.path, 'secret'), 'from a file\n');
  const resolve = createSecretResolver(configOf());
  const command = ['sh', '-c', 'sleep 0.2; echo from a command'];

  const printed = await resolve({ $secret: { path: 'a', source: { from: 'command', command } } });
  const read = await resolve({ $secret: { path: 'b', source: { from: 'file', file: join(dir.path, 'secret') } } });

  expect([printed, read]).toEqual(['from a command', 'from a file']);
});

test('a command that fails is named, and what it printed is not', async () => {
  const resolve = createSecretResolver(configOf());
  const command = ['sh', '-c', 'echo half-a-secret; exit 3'];

  const attempt = resolve({ $secret: { path: 'a.password', source: { from: 'command', command } } });

  await expect(attempt).rejects.toMatchObject({
    code: 'HA_SECRET_UNAVAILABLE',
    message: expect.stringMatching(/^a\.password: the command "sh" failed(?!.*half-a-secret)/s),
  });
});
