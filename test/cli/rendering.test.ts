/** How data becomes lines: sizes of columns, shortened ids, times, progress, plans, restore points. */
import { expect, test } from 'vitest';
import { branchesOf } from '#cli/render/branches.ts';
import { shortIds } from '#cli/render/ids.ts';
import { news } from '#cli/render/plain-steps.ts';
import { planLines } from '#cli/render/plan.ts';
import { runsTable } from '#cli/render/runs.ts';
import { progressText, type StepListView, stepLines } from '#cli/render/steps.ts';
import { coloured, plain, wantsColour } from '#cli/render/style.ts';
import { cut, printable, table, width, wrap } from '#cli/render/text.ts';
import { when, zoneName } from '#cli/render/times.ts';
import { duration } from '#cli/render/units.ts';
import { brought, nextReading, refreshed, watched } from '#cli/render/watched.ts';
import type { PlannedStep } from '#sdk/plan.ts';
import { runDetail, stepView } from '#test/cli/scripted-controller.ts';
import { NOW } from '#test/cli/stage.ts';

const VIEW: StepListView = { columns: 80, style: plain, now: NOW, branches: new Map(), frame: 0 };
const BERLIN = { zone: 'Europe/Berlin', now: NOW };

test.each([
  [0, '0.0 s'],
  [440, '0.4 s'],
  [24_600, '24.6 s'],
  [59_990, '1 min'],
  [150_000, '2 min 30 s'],
  [3_600_000, '1 h'],
  [11_100_000, '3 h 5 min'],
  [187_200_000, '2 d 4 h'],
])('%i ms is shown as %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test('a time of today is shown without its day, in the zone of the homelab', () => {
  expect(when('2026-03-01T01:14:00.000Z', BERLIN)).toBe('02:14');
  expect(when('2026-02-28T22:59:00.000Z', BERLIN)).toBe('2026-02-28 23:59');
  expect(when(null, BERLIN)).toBe('–');
  expect(zoneName(BERLIN)).toBe('CET');
  expect(zoneName({ zone: 'UTC', now: NOW })).toBe('UTC');
});

test('ids are shown with four letters, and with more where four do not tell two apart', () => {
  const short = shortIds(['b7k2mnpqrstv', 'b7k2mnxqrstv', 'c1m8bcdfghjk']);

  expect(['b7k2mnpqrstv', 'b7k2mnxqrstv', 'c1m8bcdfghjk'].map(short)).toEqual(['b7k2mnp', 'b7k2mnx', 'c1m8']);
});

test('columns line up whatever colour is in them', () => {
  const lines = table(
    [{ title: 'NAME' }, { title: 'SIZE', align: 'right' }, { title: 'STATE' }],
    [
      ['notes', '1 B', coloured('good', 'up')],
      ['paperless', '12 GB', 'down'],
    ],
  );

  expect(lines[0]).toBe('NAME        SIZE  STATE');
  expect(lines[2]).toBe('paperless  12 GB  down');
  expect(width(lines[1] ?? '')).toBe('notes        1 B  up'.length);
});

test('a line is cut to the terminal without breaking a colour code', () => {
  const line = cut(coloured('bad', 'a long message'), 8);

  expect(width(line)).toBe(8);
  expect(line.endsWith('\u001b[39m')).toBe(true);
});

test('control characters from outside are spelled out', () => {
  expect(printable('a\u001b[31mb\nc\td')).toBe('a\\x1b[31mb\\nc\\td');
});

test('long text is broken between words and indented', () => {
  expect(wrap('one two three four', 12, '  ')).toEqual(['  one two', '  three four']);
});

test.each([
  [true, {}, true],
  [false, {}, false],
  [true, { NO_COLOR: '1' }, false],
  [true, { NO_COLOR: '' }, true],
  [true, { TERM: 'dumb' }, false],
  [false, { FORCE_COLOR: '1' }, true],
])('colour on a terminal (%s) with %j: %s', (isTerminal, env, expected) => {
  expect(wantsColour(isTerminal, env)).toBe(expected);
});

test('progress tells the part, the amount, the rate and the time left', () => {
  const at = (seconds: number) => new Date(NOW.getTime() + seconds * 1000).toISOString();
  const first = nextReading(undefined, { progress: { bytes: 2_000_000_000, totalBytes: 4_100_000_000 }, at: at(0) });
  const second = nextReading(first, { progress: { bytes: 2_500_000_000, totalBytes: 4_100_000_000 }, at: at(5) });

  expect(progressText(second)).toBe('60 %  2.5 of 4.1 GB  100 MB/s  16 s left');
});

test('progress beyond an estimate never shows more than 100 %', () => {
  const reading = { progress: { bytes: 12, totalBytes: 10, files: 3, totalFiles: 2 }, rate: null };

  expect(progressText(reading)).toBe('100 %  12 B  3 files');
});

test('steps that stand side by side are drawn as a tree', () => {
  const steps = [
    stepView('seal', { title: 'verify', summary: '18 files read back' }),
    stepView('copy-usb', { title: 'copy → usb' }),
    stepView('copy-vault', { title: 'copy → vault', status: 'running', finishedAt: null, attempts: 2 }),
    stepView('discard', { title: 'tidy up', status: 'planned', startedAt: null, finishedAt: null }),
  ];
  const branches = new Map([
    ['copy-usb', '├'],
    ['copy-vault', '└'],
  ] as const);

  const lines = stepLines(watched(runDetail({ steps })), { ...VIEW, branches });

  expect(lines.map((line) => line.replaceAll(/ {2,}/g, '  '))).toEqual([
    '  ✔ verify  18 files read back  10.0 s',
    '  ├ ✔ copy → usb  10.0 s',
    '  └ ⠋ copy → vault  attempt 2  1 min',
    '  · tidy up',
  ]);
  for (const line of lines) expect(width(line)).toBeLessThan(80);
});

test('events carry a watched run forward, and a late event does not undo an ending', () => {
  const step = stepView('capture', { status: 'dispatched', attempts: 0, startedAt: null, finishedAt: null });
  const event = { type: 'step', run: 'b7k2mnpqrstv', at: NOW.toISOString(), step: 'capture', attempt: 1 } as const;

  const begun = brought(watched(runDetail({ steps: [step] })), { ...event, status: 'running', text: null });
  const ended = brought(begun, { ...event, status: 'succeeded', text: '12 files' });
  const late = brought(ended, { ...event, status: 'running', text: null });

  expect(begun.run.steps[0]).toMatchObject({ status: 'running', startedAt: NOW.toISOString() });
  expect(ended.run.steps[0]).toMatchObject({ status: 'succeeded', summary: '12 files' });
  expect(late.run.steps[0]?.status).toBe('succeeded');
});

test('a step that is tried again says why, and is not shown as failed', () => {
  const step = stepView('resume', { status: 'running', finishedAt: null, attempts: 1 });
  const event = { type: 'step', run: 'b7k2mnpqrstv', at: NOW.toISOString(), step: 'resume', attempt: 1 } as const;

  const waiting = brought(watched(runDetail({ steps: [step] })), { ...event, status: 'dispatched', text: 'no bus' });
  const again = brought(waiting, { ...event, attempt: 2, status: 'running', text: null });
  const refreshedOnce = refreshed(again, again.run);

  expect(stepLines(waiting, VIEW)[0]).toContain('· resume       is tried again; attempt 1 failed: no bus');
  expect(stepLines(refreshedOnce, VIEW)[0]).toContain('⠋ resume       attempt 2; attempt 1 failed: no bus');
});

test('in a pipe each failed attempt is told once, and so is the end', () => {
  const view = { zone: 'UTC', now: NOW, prefix: '' };
  const step = stepView('resume', { status: 'running', finishedAt: null, attempts: 1 });
  const event = { type: 'step', run: 'b7k2mnpqrstv', at: NOW.toISOString(), step: 'resume', attempt: 1 } as const;

  const begun = news(watched(runDetail({ steps: [step] })), new Map(), view);
  const waiting = brought(watched(runDetail({ steps: [step] })), { ...event, status: 'dispatched', text: 'no bus' });
  const tried = news(waiting, begun.said, view);
  const quiet = news(brought(waiting, { ...event, attempt: 2, status: 'running', text: null }), tried.said, view);
  const done = news(brought(waiting, { ...event, attempt: 2, status: 'succeeded', text: 'works' }), quiet.said, view);

  const lines = [begun, tried, quiet, done].map((told) => told.lines.map((line) => line.slice(10)));
  expect(lines).toEqual([
    ['resume: started'],
    ['resume: attempt 1 failed, is tried again: no bus'],
    [],
    [expect.stringMatching(/^resume: done in .*: works$/)],
  ]);
});

test('a step that no worker takes is told once, with the host that it waits for', () => {
  const step = stepView('sources', { status: 'dispatched', host: 'nas', startedAt: null, finishedAt: null });
  const run = watched(runDetail({ status: 'running', finishedAt: null, steps: [step] }));
  const after = (ms: number) => ({ zone: 'UTC', prefix: '', now: new Date(Date.parse(run.run.requestedAt) + ms) });

  const soon = news(run, new Map(), after(1_000));
  const late = news(run, soon.said, after(70_000));
  const later = news(run, late.said, after(80_000));

  expect([soon, late, later].map(({ lines }) => lines.map((line) => line.slice(10)))).toEqual([
    [],
    ['sources: waits for a worker on nas'],
    [],
  ]);
  expect(stepLines(run, VIEW)[0]).toContain('waits for a worker on nas');
});

test('runs are a table with the zone told once', () => {
  const lines = runsTable([runDetail(), runDetail({ id: 'c1m8bcdfghjk', status: 'failed', reason: 'step "x": no' })], {
    moment: { zone: 'UTC', now: NOW },
    style: plain,
  });

  expect(lines).toEqual([
    'ID    WORKFLOW  SERVICE  STATUS       STARTED (UTC)  TOOK    WHY',
    'b7k2  backup    notes    ✔ succeeded  02:59          58.0 s',
    'c1m8  backup    notes    ✘ failed     02:59          58.0 s  step "x": no',
  ]);
});

function planned(key: string, more: Partial<PlannedStep> = {}): PlannedStep {
  return {
    key,
    title: key,
    action: key,
    plugin: { kind: 'archive', name: 'archive', type: 'archive', config: {} },
    uses: [],
    host: 'nas',
    input: {},
    effect: 'idempotent',
    timeoutMs: 1000,
    retry: { attempts: 1, backoffMs: 0, maxBackoffMs: 0 },
    undo: null,
    stopUnless: null,
    stopIf: null,
    failUnless: null,
    ...more,
  };
}

const SERVICE = { kind: 'service', name: 'notes', type: 'generic', config: {} } as const;

test('a plan tells what each step does, what stops and for how long, and what comes whatever happens', () => {
  const backup = {
    paths: ['/srv/notes', '/etc/notes'],
    exclude: [],
    commands: { before: [], timeout: '10m' },
    quiesce: { stop: [['systemctl', 'stop', 'my notes'], ['sync']] },
    password: { $secret: { path: 'x', from: 'inline' } },
  };
  const usb = { kind: 'destination', name: 'usb', type: 'local', config: {} } as const;
  const quiesce = planned('quiesce', { plugin: { ...SERVICE, config: { backup } } });
  const resume = planned('resume', { plugin: SERVICE });
  const lines = planLines(
    {
      plan: {
        format: 1,
        workflow: 'backup',
        service: 'notes',
        host: 'nas',
        changes: true,
        root: {
          type: 'sequence',
          nodes: [
            {
              type: 'guard',
              body: {
                type: 'sequence',
                nodes: [
                  { type: 'step', step: quiesce },
                  { type: 'step', step: planned('capture') },
                ],
              },
              finally: [resume],
              restart: true,
            },
            {
              type: 'parallel',
              nodes: [
                { type: 'step', step: planned('copy-usb', { title: 'copy → usb', action: 'copy', uses: [usb] }) },
                { type: 'step', step: planned('copy-vault', { title: 'copy → vault', action: 'copy' }) },
              ],
            },
          ],
        },
      },
      planHash: 'abc',
      lastDurations: { quiesce: 2_100, capture: 21_800, resume: 700 },
      waitsFor: null,
    },
    { input: { keep: false, from: 'of last night' }, style: plain, columns: 200 },
  );

  const text = lines.join('\n');
  expect(lines.slice(0, 7)).toEqual([
    'would backup notes on nas',
    '',
    '  paths              /srv/notes, /etc/notes',
    '  commands.timeout   10m',
    '  quiesce.stop       systemctl stop "my notes"; sync',
    '  destinations       usb',
    '',
  ]);
  expect(text).toContain('  1  quiesce          Brings the data to rest');
  expect(text).toContain('from here until "resume" notes may be down, for about 24.6 s');
  expect(text).toContain('took 21.8 s last time');
  expect(text).toContain('done whatever happens before it');
  expect(text).toContain('  4  ├ copy → usb     Copies the set');
  expect(text).toContain('  5  └ copy → vault   Copies the set');
  expect(lines.at(-1)).toBe(
    "Nothing was changed. Do it with  homelab-autopilot enqueue backup notes --input keep=false --input 'from=of last night'",
  );
  for (const line of lines.slice(0, -1)) expect(width(line)).toBeLessThanOrEqual(110);
});

test('a parallel group of one is drawn as a plain line', () => {
  const branches = branchesOf({ type: 'parallel', nodes: [{ type: 'step', step: planned('copy-usb') }] });

  expect(branches.size).toBe(0);
});
