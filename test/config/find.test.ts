/** Where the configuration is looked for. */
import { chmod, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { findConfigFile } from '#config/find.ts';
import { written } from '#test/config/fixture.ts';

const NAME = 'homelab-autopilot.yaml';

describe('the configuration is', () => {
  test('the file of --config before that of the environment before that of the working directory', async () => {
    const cwd = await written({ [NAME]: 'c', 'a.yaml': 'a', 'b.yaml': 'b' });
    const env = { HOMELAB_AUTOPILOT_CONFIG: 'b.yaml' };

    const texts = [
      await findConfigFile({ file: 'a.yaml', env, cwd }),
      await findConfigFile({ env, cwd }),
      await findConfigFile({ env: {}, cwd }),
    ].map(({ text }) => text);

    expect(texts).toEqual(['a', 'b', 'c']);
  });

  test('never another file than the one that was named', async () => {
    const cwd = await written({ [NAME]: 'c' });

    await expect(findConfigFile({ file: 'a.yaml', env: {}, cwd })).rejects.toMatchObject({
      code: 'HA_CONFIG_UNREADABLE',
      message: `${cwd}/a.yaml: no such file`,
    });
    await expect(findConfigFile({ env: { HOMELAB_AUTOPILOT_CONFIG: '/b.yaml' }, cwd })).rejects.toMatchObject({
      message: '/b.yaml: no such file; $HOMELAB_AUTOPILOT_CONFIG names it',
    });
  });

  test('nowhere: all places are named, with what to do', async () => {
    const cwd = await written({});

    await expect(findConfigFile({ env: {}, cwd })).rejects.toMatchObject({
      code: 'HA_CONFIG_UNREADABLE',
      message: `no configuration found; looked at ${cwd}/${NAME} and /etc/homelab-autopilot/${NAME}`,
      next: 'Write one of them, or name a file with --config FILE or $HOMELAB_AUTOPILOT_CONFIG.',
    });
  });

  test('a directory: told as one', async () => {
    const cwd = await written({});
    await mkdir(path.join(cwd, NAME));

    await expect(findConfigFile({ env: {}, cwd })).rejects.toThrow(`${cwd}/${NAME}: is a directory, not a file`);
  });

  test('not UTF-8: told as such', async () => {
    const cwd = await written({});

    await expect(findConfigFile({ file: process.execPath, env: {}, cwd })).rejects.toThrow('is not UTF-8 text');
  });

  test('unreadable: told with the cure', async () => {
    const cwd = await written({ [NAME]: '' });
    await chmod(path.join(cwd, NAME), 0);
    const isRoot = process.getuid?.() === 0;

    // Root may read everything, so it becomes somebody else for a moment.
    if (isRoot) process.seteuid?.(65_534);
    const outcome = await findConfigFile({ env: {}, cwd }).catch((error: unknown) => error);
    if (isRoot) process.seteuid?.(0);

    expect(outcome).toMatchObject({
      code: 'HA_CONFIG_UNREADABLE',
      message: `${cwd}/${NAME}: may not be read by this user`,
      next: 'Run as a user who may read it, or change its owner or mode.',
    });
  });
});
