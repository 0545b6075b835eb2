/** `enqueue`: what is asked, what is printed, and the exit status. */
import { expect, test } from 'vitest';
import { AutopilotError } from '#kernel/errors.ts';
import { runDetail, scriptedController, stepView } from '#test/cli/scripted-controller.ts';
import { stage } from '#test/cli/stage.ts';

const PLANNED = stepView('capture', { status: 'planned', attempts: 0, startedAt: null, finishedAt: null });
const QUEUED = runDetail({
  status: 'queued',
  startedAt: null,
  finishedAt: null,
  restorePoint: null,
  steps: [PLANNED],
});

test('a request is accepted when its id is printed', async () => {
  const controller = scriptedController({ states: [QUEUED] });

  const { status, stdout } = await stage({ controller }).run('enqueue', 'backup', 'notes');

  expect(status).toBe(0);
  expect(stdout).toContain('accepted: backup notes · run b7k2');
  expect(controller.asked[0]?.parameters).toMatchObject({
    workflow: 'backup',
    services: ['notes'],
    all: false,
    input: {},
  });
});

test('input values are JSON where they can be, and text otherwise', async () => {
  const controller = scriptedController({ states: [QUEUED] });

  await stage({ controller }).run(
    'enqueue',
    'backup',
    'notes',
    '--input',
    'to=1.2.3',
    '--input',
    'keep=3',
    '--input',
    'x=a=b',
  );

  expect(controller.asked[0]?.parameters).toMatchObject({ input: { to: '1.2.3', keep: 3, x: 'a=b' } });
});

test('--wait --json prints one document with the promised keys and nothing else', async () => {
  const running = runDetail({ status: 'running', finishedAt: null });
  const controller = scriptedController({ states: [QUEUED, running, runDetail()] });

  const { status, stdout, stderr } = await stage({ controller }).run('enqueue', 'backup', 'notes', '--wait', '--json');

  expect(status).toBe(0);
  expect(stderr).toBe('');
  const { runs } = JSON.parse(stdout);
  expect(Object.keys(runs[0])).toEqual(
    expect.arrayContaining(['id', 'workflow', 'service', 'status', 'startedAt', 'finishedAt', 'steps', 'restorePoint']),
  );
  expect(Object.keys(runs[0].steps[0])).toEqual(
    expect.arrayContaining([
      'name',
      'kind',
      'host',
      'status',
      'attempts',
      'effect',
      'startedAt',
      'finishedAt',
      'error',
    ]),
  );
});

test.each([
  ['succeeded', 0],
  ['skipped', 0],
  ['failed', 1],
  ['rolled_back', 1],
  ['cancelled', 1],
  ['needs_attention', 1],
] as const)('a run that ends as %s exits with %i', async (status, expected) => {
  const controller = scriptedController({ states: [QUEUED, runDetail({ status })] });

  const result = await stage({ controller }).run('enqueue', 'backup', 'notes', '--wait');

  expect(result.status).toBe(expected);
});

test('in a pipe a run is told in one line for each start and each end of a step', async () => {
  const begun = stepView('capture', { status: 'running', finishedAt: null });
  const running = runDetail({ status: 'running', finishedAt: null, steps: [begun] });
  const done = runDetail({ steps: [stepView('capture', { summary: '12 files, 4.1 GB' })] });
  const controller = scriptedController({ states: [QUEUED, running, done] });

  const { stdout } = await stage({ controller }).run('enqueue', 'backup', 'notes', '--wait');

  expect(stdout.split('\n')).toEqual([
    'backup notes · run b7k2 · nas · times in UTC',
    '02:59:00  capture: started',
    '02:59:10  capture: done in 10.0 s: 12 files, 4.1 GB',
    'backup notes: succeeded in 58.0 s, restore point p9f4bcdfghjk',
    '',
  ]);
});

test('a failure tells what failed, what that means, and what to do', async () => {
  const steps = [
    stepView('resume', { kind: 'service', action: 'resume' }),
    stepView('copy-vault', { title: 'copy → vault', status: 'failed', error: '/mnt/vault is not a mount point' }),
    stepView('verify-usb', { title: 'verify usb', action: 'verifyCopy' }),
  ];
  const failed = runDetail({
    status: 'failed',
    steps,
    next: 'mount it, then  homelab-autopilot runs retry b7k2 --from copy-vault',
  });
  const controller = scriptedController({ states: [QUEUED, failed] });

  const { stdout } = await stage({ controller }).run('enqueue', 'backup', 'notes', '--wait');

  expect(stdout).toContain(
    'backup notes: failed in step "copy → vault" (notes itself is not changed, what was stopped for it runs again)',
  );
  expect(stdout).toContain('  copy → vault: /mnt/vault is not a mount point');
  expect(stdout).toContain('Complete and verified: the copy on usb.');
  expect(stdout).toContain('  Next: mount it, then  homelab-autopilot runs retry b7k2 --from copy-vault');
});

test('Ctrl-C while waiting tells that the run goes on, and exits with 130', async () => {
  const running = runDetail({ status: 'running', finishedAt: null });
  const waiting: ReturnType<typeof stage> = stage({
    controller: scriptedController({
      states: [QUEUED, running],
      answers: {
        run: async () => {
          waiting.interrupt();
          return running;
        },
      },
    }),
  });

  const { status, stderr } = await waiting.run('enqueue', 'backup', 'notes', '--wait');

  expect(status).toBe(130);
  expect(stderr).toContain('Run b7k2 goes on.');
  expect(stderr).toContain('homelab-autopilot runs logs b7k2 --follow');
  expect(stderr).toContain('homelab-autopilot runs cancel b7k2');
});

test('a controller that is away for a moment does not end the waiting', async () => {
  let calls = 0;
  const controller = scriptedController({
    states: [QUEUED],
    answers: {
      run: async () => {
        calls += 1;
        if (calls === 2) throw new AutopilotError('HA_NO_CONTROLLER', 'no controller answers');
        return calls < 3 ? runDetail({ status: 'running', finishedAt: null }) : runDetail();
      },
    },
  });

  const { status } = await stage({ controller }).run('enqueue', 'backup', 'notes', '--wait');

  expect(status).toBe(0);
});

test('without Redis the exit status is 3 and stdout stays empty', async () => {
  const { status, stdout, stderr } = await stage().run('enqueue', 'backup', 'notes', '--json');

  expect(status).toBe(3);
  expect(stdout).toBe('');
  expect(stderr).toBe('cannot reach Redis at 127.0.0.1:6379 (connection refused)\n  Is it running?\n');
});

test('a name that does not exist is wrong use even when Redis is away', async () => {
  const checkNames = async () => {
    throw new AutopilotError('HA_NOT_FOUND', 'there is no service "nots"', { next: 'Did you mean "notes"?' });
  };

  const { status, stderr } = await stage({ rooms: { checkNames } }).run('enqueue', 'backup', 'nots');

  expect(status).toBe(2);
  expect(stderr).toContain('Did you mean "notes"?');
});

test.each([
  [['enqueue', 'backup'], 'no service is named'],
  [['enqueue', 'backup', 'notes', '--all'], 'exclude each other'],
  [['enqueue', 'backup', 'notes', '--input', 'novalue'], 'is not of the form key=value'],
  [['enqueue', 'backup', 'notes', '--at', 'tomorrow'], 'is not a time'],
  [['enqueue', 'backup', 'notes', '--at', '2020-01-01 00:00'], 'is in the past'],
  [['enqueue'], 'missing required argument "workflow"'],
])('%j is refused as wrong use', async (words, message) => {
  const { status, stdout, stderr } = await stage({ controller: scriptedController({}) }).run(...words);

  expect(status).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain(message);
});

test('on a terminal the list is redrawn, and the finished run stays', async () => {
  const running = runDetail({
    status: 'running',
    finishedAt: null,
    steps: [stepView('capture', { status: 'running', finishedAt: null })],
  });
  const controller = scriptedController({ states: [QUEUED, running, runDetail()] });

  const { stdout } = await stage({ controller, terminal: { live: true } }).run('enqueue', 'backup', 'notes', '--wait');

  expect(stdout).toContain('\u001b[J');
  expect(stdout.endsWith('\u001b[?25h')).toBe(true);
  expect(stdout).toMatch(/✔ capture .* 10\.0 s\n\nbackup notes: succeeded/);
});
