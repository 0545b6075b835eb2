/** Cron expressions: what is taken, and when it fires. */
import { describe, expect, test } from 'vitest';
import { nextFires, parseCron } from '#schedule/cron.ts';

const FROM = new Date('2026-03-28T12:00:00Z');

describe('cron expressions', () => {
  test.each(['0 3 * * *', '*/15 * * * *', '0 0 3 * * sat', '@daily', '@Hourly', '0 0 L * *', ' 0 3 * * * '])(
    '"%s" is taken',
    (text) => {
      expect(parseCron(text, 'UTC')).toEqual({ cron: text.trim(), timezone: 'UTC' });
    },
  );

  test.each([
    ['0 3 * *', 'it has 4 fields'],
    ['0 0 3 * * * 2030', 'it has 7 fields'],
    ['2030-01-01T00:00:00', 'it has 1 fields'],
    ['', 'it has 0 fields'],
    ['61 * * * *', 'Invalid value for minute: 61'],
    ['0 3 * * 9', 'Invalid value for dayOfWeek: 9'],
    ['@reboot', 'the short forms are'],
  ])('"%s" is refused with the reason', (text, reason) => {
    expect(() => parseCron(text, 'UTC')).toThrow(`"${text}" is not a cron expression: ${reason}`);
  });

  test('a schedule follows the clock of its zone over a change to summer time', () => {
    const fires = nextFires(parseCron('0 3 * * *', 'Europe/Berlin'), new Date('2026-03-27T12:00:00Z'), 3);

    expect(fires.map((fire) => fire.toISOString())).toEqual([
      '2026-03-28T02:00:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T01:00:00.000Z',
    ]);
  });

  test('a date that no year has never fires', () => {
    expect(nextFires(parseCron('0 0 31 2 *', 'UTC'), FROM, 1)).toEqual([]);
  });

  test('a date that few years have fires', () => {
    expect(nextFires(parseCron('0 0 29 2 *', 'UTC'), FROM, 1)).toEqual([new Date('2028-02-29T00:00:00Z')]);
  });
});
