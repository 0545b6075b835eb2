/** `schedules`, `up` and `worker`: what is listed, what is passed on, and how they end. */
import { expect, test } from 'vitest';
import { stage } from '#test/cli/stage.ts';

test('schedules are listed with their next instant, and what is due in order', async () => {
  const at = (text: string) => new Date(`2026-03-${text}Z`);
  const schedules = async () => [
    {
      id: 'backup.b',
      workflow: 'backup',
      service: 'b',
      cron: '0 4 * * *',
      timezone: 'UTC',
      fires: [at('01T04:00:00'), at('02T04:00:00')],
    },
    {
      id: 'backup.a',
      workflow: 'backup',
      service: 'a',
      cron: '30 3 * * *',
      timezone: 'UTC',
      fires: [at('01T03:30:00'), at('09T03:30:00')],
    },
    { id: 'backup.c', workflow: 'backup', service: 'c', cron: '0 0 30 2 *', timezone: 'UTC', fires: [] },
  ];

  const list = await stage({ rooms: { schedules } }).run('schedules');
  const next = await stage({ rooms: { schedules } }).run('schedules', 'next', '--days', '2', '--json');

  expect(list.stdout).toMatch(/backup\.b +backup +b +0 4 \* \* \* +UTC +04:00/);
  expect(list.stdout).toMatch(/backup\.c .* never/);
  expect(JSON.parse(next.stdout).fires.map(({ schedule }: { schedule: string }) => schedule)).toEqual([
    'backup.a',
    'backup.b',
    'backup.b',
  ]);
});

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
