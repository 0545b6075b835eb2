/** What a person is told: what happened, what it means, what to do next. */
import { describe, expect, test } from 'vitest';
import { loadWorkflows } from '#app/workflows.ts';
import { RUN_STATUSES, type RunDetail } from '#engine/run.ts';
import { nextTry } from '#notify/back-off.ts';
import { digestOf } from '#notify/digest.ts';
import { missedMessage } from '#notify/missed-message.ts';
import { eventsOf, runMessage, withHeldBack } from '#notify/run-message.ts';
import type { Fire } from '#schedule/fire.ts';
import { EVENTS } from '#sdk/events.ts';
import type { Message } from '#sdk/kinds/notification.ts';
import { runDetail, stepView } from '#test/cli/scripted-controller.ts';

const ORIGIN = { homelab: 'home', timezone: 'Europe/Berlin' };

/** The message for the one event of a run. */
function told(run: RunDetail): Message {
  const [event = 'needs_attention'] = eventsOf(run);
  return runMessage(run, event, ORIGIN);
}

describe('a run that ended', () => {
  test('as failed says why, what that means for the service, and what to do', () => {
    const run = runDetail({
      status: 'failed',
      next: 'mount it, then  homelab-autopilot runs retry b7k2 --from copy-vault',
      steps: [
        stepView('resume'),
        stepView('verify-usb', { action: 'verifyCopy' }),
        stepView('copy-vault', { title: 'copy → vault', status: 'failed', error: '/mnt/vault is not a mount point' }),
      ],
    });

    const message = told(run);

    expect(message).toMatchObject({
      event: 'backup_failed',
      severity: 'error',
      title: 'backup notes failed',
      service: 'notes',
      host: 'nas',
    });
    expect(message.text).toBe(
      [
        'notes itself is not changed, and what was stopped for it runs again.',
        'Step "copy → vault": /mnt/vault is not a mount point',
        'Complete and verified: the copy on usb.',
        'Next: mount it, then  homelab-autopilot runs retry b7k2 --from copy-vault',
        '',
        'home · nas · run b7k2 · 2026-03-01 03:59:58 CET',
      ].join('\n'),
    );
  });

  test.each([
    [4_200, 'notes was stopped for 4.2 s.'],
    [150_400, 'notes was stopped for 2m30s.'],
  ])('tells that its service was stopped for %i ms', (outageMs, text) => {
    expect(told(runDetail({ outageMs })).text.split('\n')).toContain(text);
    expect(told(runDetail({ status: 'failed', outageMs })).text.split('\n')).toContain(text);
    expect(told(runDetail()).text).not.toContain('stopped for');
  });

  test.each([
    ['succeeded', 'backup_success', 'info'],
    ['rolled_back', 'backup_failed', 'error'],
    ['needs_attention', 'needs_attention', 'error'],
  ] as const)('as %s is the event %s', (status, event, severity) => {
    expect(told(runDetail({ status }))).toMatchObject({ event, severity });
  });

  test('as an update that was rolled back is told as that, and as an update that failed', () => {
    expect(eventsOf(runDetail({ workflow: 'update', status: 'rolled_back' }))).toEqual([
      'rollback_executed',
      'update_failed',
    ]);
  });

  test('is told by an event that a route can name, whatever the workflow and its end', async () => {
    const workflows = [...(await loadWorkflows()).keys()];
    const events = workflows.flatMap((workflow) => RUN_STATUSES.flatMap((status) => eventsOf({ workflow, status })));

    expect(events.filter((event) => !EVENTS.includes(event))).toEqual([]);
    expect(events).toEqual(expect.arrayContaining(['restore_success', 'drill_success', 'update_failed']));
  });

  test('and failed without an event of its own needs a person', () => {
    expect(eventsOf({ workflow: 'restore', status: 'failed' })).toEqual(['needs_attention']);
    expect(eventsOf({ workflow: 'rollback', status: 'rolled_back' })).toEqual(['needs_attention']);
  });

  test('and succeeded in a workflow that nobody can wait for is nothing to tell', () => {
    expect(eventsOf({ workflow: 'heal', status: 'succeeded' })).toEqual([]);
    expect(eventsOf({ workflow: 'somebody-elses', status: 'succeeded' })).toEqual([]);
  });

  test.each(['cancelled', 'skipped'] as const)('as %s is nothing to tell', (status) => {
    expect(eventsOf(runDetail({ status }))).toEqual([]);
  });

  test('is the same message however often it is made', () => {
    const [first, second] = [1, 2].map(() => told(runDetail({ status: 'failed' })));

    expect(first).toEqual(second);
  });
});

describe('what was held back', () => {
  const message = told(runDetail({ status: 'failed' }));

  test('is counted in the next message that is sent', () => {
    const next = withHeldBack(message, { held: 3, since: '2026-03-01T01:00:00.000Z' }, ORIGIN.timezone);

    expect(next.text).toContain('3 more of these were held back since 2026-03-01 02:00:00 CET');
    expect(next.id).toBe(message.id);
  });

  test('is not mentioned when there was nothing', () => {
    expect(withHeldBack(message, { held: 0, since: null }, ORIGIN.timezone)).toBe(message);
  });
});

describe('a digest', () => {
  const at = (minute: number, title: string, severity: Message['severity'] = 'info'): Message => {
    const time = new Date(Date.UTC(2026, 2, 1, 1, minute)).toISOString();
    return { id: `m${minute}`, event: 'backup_success', severity, title, text: 'long', at: time };
  };

  test('has a line for each thing that happened, counts repetitions, and is as severe as the worst of them', () => {
    const digest = digestOf(
      [at(1, 'a failed', 'error'), at(2, 'b succeeded'), at(3, 'a failed', 'error')],
      'mail',
      ORIGIN,
    );

    expect(digest).toMatchObject({ event: 'digest', severity: 'error', title: '3 messages from quiet hours' });
    expect(digest.text.split('\n').slice(0, 2)).toEqual([
      'a failed: 2 times, last 2026-03-01 02:03:00 CET',
      'b succeeded (2026-03-01 02:02:00 CET)',
    ]);
  });

  test('of a long night counts what it leaves out', () => {
    const digest = digestOf(
      Array.from({ length: 40 }, (_, i) => at(i, `s${i} failed`)),
      'mail',
      ORIGIN,
    );

    expect(digest.text).toContain('… and 15 more');
  });
});

test('tries are further and further apart, at most an hour, and never sooner than the other side asked', () => {
  const now = new Date(0);
  const seconds = (failures: number, asked?: number) => nextTry(now, failures, asked).getTime() / 1_000;

  expect([1, 2, 3, 10, 11, 400].map((failures) => seconds(failures))).toEqual([5, 10, 20, 2560, 3600, 3600]);
  expect(seconds(1, 64_570)).toBe(64.57);
  expect(seconds(5, 0)).toBe(1);
  expect(seconds(1, Number.MAX_SAFE_INTEGER)).toBe(86_400);
});

test('a slot that was missed is told with its time, the reason, and where to read more', () => {
  const fire = (slot: string): Fire => ({
    schedule: 'backup.notes',
    workflow: 'backup',
    service: 'notes',
    slot,
    dueAt: slot,
    disposition: 'missed',
    reason: 'controller_down',
    detail: 'the controller was not running; catch_up is none',
    run: null,
    lateMs: null,
    recordedAt: slot,
  });
  const around = { origin: ORIGIN, host: 'nas', at: new Date('2026-03-03T08:00:00Z') };

  const told = missedMessage([fire('2026-03-02T02:00:00.000Z'), fire('2026-03-03T02:00:00.000Z')], around);

  expect(told?.message).toMatchObject({
    event: 'schedule_missed',
    title: 'backup notes did not run',
    service: 'notes',
  });
  expect(told?.message.text.split('\n')).toEqual([
    'It was due at 2026-03-03 03:00:00 CET: the controller was not running; catch_up is none.',
    '1 more of this schedule before it did not run either.',
    'Next: look at  homelab-autopilot schedules log --schedule backup.notes, or run it now with  homelab-autopilot enqueue backup notes',
    '',
    'home · nas · 2026-03-03 09:00:00 CET',
  ]);
  expect(missedMessage([], around)).toBeNull();
});
