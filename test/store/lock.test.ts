/** One controller for one state directory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { lockState } from '#store/lock.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

const HOLDER = `
  import { lockState } from '#store/lock.ts';
  lockState(process.argv[1]);
  process.stdout.write('locked');
  setInterval(() => {}, 1000);
`;

test('a second controller is refused with the pid of the first, and may start when that was killed', async () => {
  await using dir = await tempDir();
  const holder = spawn(process.execPath, ['--input-type=module-typescript', '-e', HOLDER, dir.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');

  expect(() => lockState(dir.path)).toThrow(
    expect.objectContaining({ code: 'HA_CONTROLLER_RUNNING', message: expect.stringContaining(`pid ${holder.pid}`) }),
  );

  holder.kill('SIGKILL');
  const mine = await eventually('the lock of the dead is free', () => {
    try {
      return lockState(dir.path);
    } catch {
      return undefined;
    }
  });
  mine[Symbol.dispose]();
});
