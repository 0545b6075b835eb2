/** The `schedule:` of a section: what it compiles to, what goes over what, and what is told of a wrong one. */
import { describe, expect, test } from 'vitest';
import { formatIssue } from '#config/issues.ts';
import { plainRules } from '#schedule/rules.ts';
import { checked, SOUND } from '#test/config/fixture.ts';

const HOUR = 3_600_000;

/** The sound configuration with another default schedule, and something more in the service's backup section. */
function written(schedule: string, own = ''): string {
  return SOUND.replace('schedule: "0 3 * * *"', `schedule: ${schedule}`) + own;
}

async function compiled(yaml: string) {
  const { config, errors, warnings } = await checked(yaml);
  expect(errors).toEqual([]);
  expect(warnings).toEqual([]);
  return config?.services[0]?.backup?.schedule;
}

const plain = plainRules('0 3 * * *', 'Europe/Berlin');

describe('a schedule', () => {
  test('may be a map, with a window, blackouts and what becomes of what cannot start', async () => {
    const rules = await compiled(
      written(`
    every: 6h
    timezone: America/New_York
    jitter: 30m
    overlap: cancel_previous
    catch_up: all
    catch_up_window: 2d
    window: { start: "22:30", duration: 8h, timezone: UTC, every: [sat, sun] }
    blackout:
      - { start: "1:00", duration: 90m }
      - { start: "04:00", duration: 1h, every: [mon] }`),
    );

    expect(rules).toEqual({
      cron: null,
      everyMs: 6 * HOUR,
      timezone: 'America/New_York',
      jitterMs: HOUR / 2,
      overlap: 'cancel_previous',
      catchUp: 'all',
      catchUpWindowMs: 48 * HOUR,
      window: { hour: 22, minute: 30, durationMs: 8 * HOUR, timezone: 'UTC', weekdays: [6, 0] },
      blackouts: [
        { hour: 1, minute: 0, durationMs: 1.5 * HOUR, timezone: 'America/New_York', weekdays: null },
        { hour: 4, minute: 0, durationMs: HOUR, timezone: 'America/New_York', weekdays: [1] },
      ],
    });
  });

  test('says the same as a text and as a map with cron alone', async () => {
    expect(await compiled(written('{ cron: "0 3 * * *" }'))).toEqual(plain);
  });

  test.each([
    ['a map adds to a default text', '"0 3 * * *"', '{ jitter: 1h }', { ...plain, jitterMs: HOUR }],
    [
      'a map goes over a default map key by key',
      '{ cron: "0 3 * * *", jitter: 1h }',
      '{ overlap: queue }',
      { ...plain, jitterMs: HOUR, overlap: 'queue' },
    ],
    [
      'every takes the place of cron',
      '{ cron: "0 3 * * *", overlap: queue }',
      '{ every: 1h }',
      { ...plain, cron: null, everyMs: HOUR, overlap: 'queue' },
    ],
    ['a text replaces a default map as a whole', '{ every: 1h, overlap: queue }', '"0 3 * * *"', plain],
    [
      'a service may say when, where the default says the rest',
      '{ overlap: queue }',
      '{ cron: "0 3 * * *" }',
      { ...plain, overlap: 'queue' },
    ],
    [
      'null takes a default window away',
      '{ cron: "0 3 * * *", window: { start: "02:00", duration: 3h } }',
      '{ window: null }',
      plain,
    ],
    ['false is never', '{ cron: "0 3 * * *" }', 'false', null],
  ])('%s', async (_title, standard, own, expected) => {
    expect(await compiled(written(standard, `      schedule: ${own}\n`))).toEqual(expected);
  });

  test('that is only a default part runs nothing by itself', async () => {
    expect(await compiled(written('{ overlap: queue }'))).toBeNull();
  });
});

describe('a wrong schedule', () => {
  test.each([
    [
      'both cron and every',
      '{ cron: "0 3 * * *", every: 1h }',
      '',
      '11:41  backup.schedule.every\n  either "cron" or "every" says when, not both',
    ],
    [
      'a cron expression in a map',
      '{ cron: "0 25 * * *" }',
      '',
      '11:21  backup.schedule.cron\n  "0 25 * * *" is not a cron expression: Invalid value for hour: 25',
    ],
    [
      'an unknown zone',
      '{ cron: "@daily", timezone: Europe/Berln }',
      '',
      '11:41  backup.schedule.timezone\n  unknown time zone "Europe/Berln"; write a name such as Europe/Berlin or UTC; did you mean "Europe/Berlin"?',
    ],
    [
      'an unknown zone of a window',
      '{ cron: "@daily", window: { start: "01:00", duration: 1h, timezone: Mars } }',
      '',
      '11:81  backup.schedule.window.timezone\n  unknown time zone "Mars"; write a name such as Europe/Berlin or UTC',
    ],
    [
      'an unknown zone of a blackout',
      '{ cron: "@daily", blackout: [{ start: "01:00", duration: 1h, timezone: Mars }] }',
      '',
      '11:84  backup.schedule.blackout[0].timezone\n  unknown time zone "Mars"; write a name such as Europe/Berlin or UTC',
    ],
    [
      'a window that is shorter than the jitter',
      '{ cron: "0 3 * * *", jitter: 4h, window: { start: "02:00", duration: 3h } }',
      '',
      '11:42  backup.schedule.jitter\n  the window (3h) is shorter than the jitter (4h)',
    ],
    [
      'a jitter that is longer than the default window',
      '{ cron: "0 3 * * *", window: { start: "02:00", duration: 3h } }',
      '      schedule: { jitter: 4h }\n',
      '19:27  services[0].backup.schedule.jitter\n  the window (3h) is shorter than the jitter (4h)',
    ],
    [
      'a time of the clock that is none',
      '{ cron: "@daily", window: { start: "25:00", duration: 3h } }',
      '',
      '11:48  backup.schedule.window.start\n  not a time of the clock: write it as "22:00"',
    ],
    [
      'a window without a length',
      '{ cron: "@daily", window: { start: "05:00" } }',
      '',
      '11:39  backup.schedule.window.duration\n  missing key "duration"',
    ],
    [
      'a day that is none',
      '{ cron: "@daily", window: { start: "05:00", duration: 3h, every: [sta] } }',
      '',
      '11:79  backup.schedule.window.every[0]\n  expected "sun", "mon", "tue", "wed", "thu", "fri" or "sat", got "sta"; did you mean "sat"?',
    ],
    [
      'an interval that is too short',
      '{ every: 10s }',
      '',
      '11:22  backup.schedule.every\n  must be at least 1m and at most 366d',
    ],
    [
      'a word for overlap that is none',
      '{ every: 1h, overlap: skp }',
      '',
      '11:35  backup.schedule.overlap\n  expected "skip", "queue" or "cancel_previous", got "skp"; did you mean "skip"?',
    ],
    [
      'an unknown key',
      '{ every: 1h, catchup: last }',
      '',
      '11:26  backup.schedule.catchup\n  unknown key "catchup"; did you mean "catch_up"?',
    ],
    [
      'a service’s map that does not say when',
      'false',
      '      schedule: { jitter: 1h }\n',
      '19:17  services[0].backup.schedule\n  it does not say when: write "cron" or "every"',
    ],
  ])('is told with its place: %s', async (_title, schedule, own, told) => {
    const { errors, directory } = await checked(written(schedule, own));

    expect(errors.map((issue) => formatIssue(issue, directory))).toEqual([`homelab-autopilot.yaml:${told}`]);
  });

  test.each([
    [
      'a date that no year has',
      '"0 0 31 2 *"',
      '11:13  backup.schedule\n  "0 0 31 2 *" never fires: there is no such date',
    ],
    [
      'a date that no year has, in a map',
      '{ cron: "0 0 31 2 *" }',
      '11:21  backup.schedule.cron\n  "0 0 31 2 *" never fires: there is no such date',
    ],
    [
      'fires that are all outside the window',
      '{ cron: "0 3 * * *", window: { start: "04:00", duration: 3h } }',
      '11:21  backup.schedule.cron\n  nothing will start: each fire of the coming year is outside the window or in a blackout',
    ],
  ])('is only warned of when nothing is wrong but that it never starts: %s', async (_title, schedule, told) => {
    const { errors, warnings, directory } = await checked(written(schedule));

    expect(errors).toEqual([]);
    expect(warnings.map((issue) => formatIssue(issue, directory))).toEqual([`homelab-autopilot.yaml:${told}`]);
  });
});
