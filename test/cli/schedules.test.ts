/** `schedules`: what is listed, what is told of what did not run, and what is passed on. */
import { expect, test } from 'vitest';
import type { ComingSlot, ScheduleView } from '#app/forecast.ts';
import type { Fire } from '#schedule/fire.ts';
import { plainRules, type ScheduleRules } from '#schedule/rules.ts';
import { scriptedController } from '#test/cli/scripted-controller.ts';
import { stage } from '#test/cli/stage.ts';

const at = (text: string) => new Date(`2026-03-${text}Z`);

function view(service: string, more: Partial<ScheduleView> & { rules?: Partial<ScheduleRules> } = {}): ScheduleView {
  const { rules, ...rest } = more;
  const place = { id: `backup.${service}`, workflow: 'backup', service, host: 'nas' };
  return {
    schedule: { ...plainRules('0 4 * * *', 'UTC'), ...rules, ...place },
    pausedAt: null,
    nextAt: null,
    last: null,
    coming: [],
    ...rest,
  };
}

const slot = (text: string, skip: ComingSlot['skip'] = null): ComingSlot => ({
  nominal: at(text),
  due: at(text),
  skip,
});

const fire = (more: Partial<Fire>): Fire => ({
  schedule: 'backup.notes',
  workflow: 'backup',
  service: 'notes',
  slot: '2026-02-24T03:00:00.000Z',
  dueAt: '2026-02-24T03:00:00.000Z',
  disposition: 'missed',
  reason: 'controller_down',
  detail: 'the controller was not running; catch_up is none',
  run: null,
  lateMs: null,
  recordedAt: '2026-02-24T09:00:00.000Z',
  ...more,
});

test('schedules are listed with their next instant and with what became of the last', async () => {
  const forecast = async () => [
    view('b', { nextAt: at('01T04:00:00'), last: fire({}) }),
    view('a', { rules: { cron: null, everyMs: 21_600_000 }, pausedAt: '2026-02-01T00:00:00Z' }),
    view('c'),
  ];

  const { stdout } = await stage({ rooms: { forecast } }).run('schedules');
  const json = await stage({ rooms: { forecast } }).run('schedules', '--json');

  expect(stdout).toMatch(/backup\.b +backup +b +0 4 \* \* \* +UTC +04:00 +2026-02-24 03:00 missed/);
  expect(stdout).toMatch(/backup\.a .* every 6h .* paused/);
  expect(stdout).toMatch(/backup\.c .* never/);
  expect(JSON.parse(json.stdout).schedules[1]).toMatchObject({ cron: null, every: '6h', nextAt: null, last: null });
});

test('what is due is listed in order, with what of it will be skipped and why', async () => {
  const forecast = async () => [
    view('b', { coming: [slot('01T04:00:00'), slot('02T04:00:00', 'blackout')] }),
    view('a', { coming: [slot('01T03:30:00')] }),
  ];

  const { stdout } = await stage({ rooms: { forecast } }).run('schedules', 'next', '--days', '2');
  const json = await stage({ rooms: { forecast } }).run('schedules', 'next', '--json');

  const { fires } = JSON.parse(json.stdout);
  expect(fires.map(({ schedule }: { schedule: string }) => schedule)).toEqual(['backup.a', 'backup.b', 'backup.b']);
  expect(fires[2]).toMatchObject({ at: '2026-03-02T04:00:00.000Z', skip: 'blackout', why: 'a blackout holds then' });
  expect(stdout).toContain('skipped: a blackout holds then');
});

test('the log answers why it did not run on Tuesday', async () => {
  const asked: unknown[] = [];
  const fires = [fire({ disposition: 'ran', reason: null, detail: null, run: 'b7k2mnpqrstv', lateMs: 12 }), fire({})];
  const openLedgerLog = async () => ({
    schedules: () => [],
    latest: () => new Map(),
    fires: (filter: unknown) => {
      asked.push(filter);
      return fires;
    },
    [Symbol.dispose]: () => {},
  });

  const words = ['schedules', 'log', '--service', 'notes', '--limit', '5'];
  const { stdout } = await stage({ rooms: { openLedgerLog } }).run(...words);
  const json = await stage({ rooms: { openLedgerLog } }).run(...words, '--json');

  expect(asked[0]).toEqual({ service: 'notes', limit: 5 });
  expect(stdout).toMatch(
    /2026-02-24 03:00 +backup\.notes +missed +– +the controller was not running; catch_up is none/,
  );
  expect(stdout).toMatch(/ran +b7k2/);
  expect(JSON.parse(json.stdout).fires[1]).toEqual(fires[1]);
});

test('pause and resume are the controller’s to do, and say what holds now', async () => {
  const controller = scriptedController({});

  const paused = await stage({ controller }).run('schedules', 'pause', 'backup.notes', '--json');
  const again = scriptedController({});
  const resumed = await stage({ controller: again }).run('schedules', 'resume', 'backup.notes');

  expect(controller.asked).toEqual([{ method: 'setPaused', parameters: { schedule: 'backup.notes', paused: true } }]);
  expect(JSON.parse(paused.stdout)).toEqual({ id: 'backup.notes', pausedAt: '2026-03-01T03:00:00.000Z' });
  expect(again.asked[0]).toMatchObject({ parameters: { paused: false } });
  expect(resumed.stdout).toContain('backup.notes goes on');
});
