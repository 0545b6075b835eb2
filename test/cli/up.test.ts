/** `up` and `worker`: what is passed on, and how they end. */
import { expect, test } from 'vitest';
import { stage } from '#test/cli/stage.ts';

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 0],
])('up that is ended by %s exits with %i', async (signal, expected) => {
  const staged = stage({
    rooms: {
      async up(_settings, { onReady, port, ui }) {
        onReady({ url: `http://127.0.0.1:${port}`, pids: { controller: 1 }, warnings: ['it may forget'] });
        expect(ui).toBe(true);
        staged.interrupt(signal);
      },
    },
  });

  const { status, stdout, stderr } = await staged.run('up', '--port', '8080');

  expect(status).toBe(expected);
  expect(stderr).toContain('warning: redis: it may forget');
  expect(stdout).toContain('http://127.0.0.1:8080');
});

test('up --no-ui and worker pass on what was typed, and a host that nobody knows is refused', async () => {
  const seen: unknown[] = [];
  const staged = stage({
    rooms: {
      up: async (_settings, { ui }) => void seen.push(ui),
      runWorker: async (_settings, { host, kinds }) => void seen.push({ host, kinds }),
    },
  });

  await staged.run('up', '--no-ui');
  await staged.run('worker', '--host', 'docker-1', '--kinds', 'service');
  const wrong = await staged.run('worker', '--host', 'docker');

  expect(seen).toEqual([false, { host: 'docker-1', kinds: ['service'] }]);
  expect(wrong).toMatchObject({ status: 2, stderr: expect.stringContaining('Did you mean "docker-1"?') });
});
