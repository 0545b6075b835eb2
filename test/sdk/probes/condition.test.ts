/** Conditions: what they mean, and what is said of one that cannot be read. */
import { describe, expect, test } from 'vitest';
import { ConditionError, parseCondition } from '#sdk/probes/condition.ts';
import { type Heard, whyNot } from '#sdk/probes/hold.ts';

const BODY = JSON.stringify({
  status: 'up',
  count: 12,
  text: '12',
  ok: true,
  nothing: null,
  users: [{ id: 1, name: 'john.doe' }, { id: 2 }],
  grid: [[1, 2], [3]],
  empty: '',
  __proto__hidden: 1,
});

const HEARD: Heard = {
  connected: true,
  status: 200,
  responseTimeMs: 150,
  body: BODY,
  cut: false,
  ip: '127.0.0.1',
  certificateExpiresInMs: 72 * 3_600_000,
};

function holds(text: string, heard: Partial<Heard> = {}): boolean {
  return whyNot(parseCondition(text), { ...HEARD, ...heard }) === null;
}

describe('a condition', () => {
  test.each([
    '[STATUS] == 200',
    '[STATUS] != 500',
    '[STATUS] < 300',
    '[STATUS] <= 200',
    '[STATUS] >= 200',
    '[STATUS] == any(200, 429)',
    '[RESPONSE_TIME] < 2000',
    '[RESPONSE_TIME] < 2s',
    '[CONNECTED] == true',
    '[IP] == 127.0.0.1',
    '[CERTIFICATE_EXPIRATION] > 48h',
    '[BODY].status == up',
    '[BODY].status == "up"',
    '[BODY].status == any(up, fine)',
    '[BODY].status == any(pat(d*), pat(u*))',
    '[BODY].status != down',
    '[BODY].count == 12',
    '[BODY].text == 12',
    '[BODY].count >= 12',
    '[BODY].ok == true',
    '[BODY].nothing == null',
    '[BODY].users[0].id == 1',
    '[BODY].users[0].name == john.doe',
    '[BODY].users[0].name == pat(john*)',
    '[BODY].grid[1][0] == 3',
    '[BODY].missing != anything',
    '[BODY] == pat(*"john.doe"*)',
    '[BODY] == regex("count":\\d+)',
    '[BODY] != pat(*down*)',
    'len([BODY].users) == 2',
    'len([BODY].users) > 1',
    'len([BODY].status) == 2',
    'has([BODY].users[1]) == true',
    'has([BODY].users[2]) == false',
    'has([BODY].errors) == false',
    'has([BODY].toString) == false',
  ])('%s holds', (text) => {
    expect(holds(text)).toBe(true);
  });

  test.each([
    ['[STATUS] == any(301, 302)', '[STATUS] is 200'],
    ['[STATUS] != 200', '[STATUS] is 200'],
    ['[RESPONSE_TIME] < 100', '[RESPONSE_TIME] is 150 ms'],
    ['[CERTIFICATE_EXPIRATION] > 10d', '[CERTIFICATE_EXPIRATION] is 3d'],
    ['[BODY].status == down', '[BODY].status is "up"'],
    ['[BODY].status > 3', '[BODY].status is "up"'],
    ['[BODY].users[7].id == 1', '[BODY].users[7].id is not there'],
    ['len([BODY].users) == 3', 'len([BODY].users) is 2'],
    ['len([BODY].count) == 2', 'len([BODY].count) is not there'],
    ['has([BODY].users) == false', 'has([BODY].users) is true'],
    ['[BODY].status == pat(*x*)', '[BODY].status is "up"'],
  ])('%s does not hold, and says what was found', (text, found) => {
    expect(whyNot(parseCondition(text), HEARD)).toBe(`${text} does not hold: ${found}`);
  });

  test('on a member of an answer that is no JSON says that', () => {
    const condition = parseCondition('[BODY].status == up');

    expect(whyNot(condition, { ...HEARD, body: '<html>' })).toContain('the answer is no JSON');
    expect(whyNot(condition, { ...HEARD, body: '{"a":', cut: true })).toContain('too long to be read as JSON');
  });

  test('that asks for what nobody knows does not hold, whichever way it asks', () => {
    expect(holds('[CERTIFICATE_EXPIRATION] > 1h', { certificateExpiresInMs: undefined })).toBe(false);
    expect(holds('[STATUS] != 500', { status: undefined })).toBe(false);
  });

  test('a pattern takes a time that is linear in the text', () => {
    const text = 'a'.repeat(200_000);
    const started = performance.now();

    expect(holds('[BODY] == pat(*a*a*a*a*a*a*b)', { body: text })).toBe(false);
    expect(holds('[BODY] == regex((a*)*b)', { body: text.slice(0, 20_000) })).toBe(false);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test.each([
    ['*', 'anything', true],
    ['a*c', 'abc', true],
    ['a*c', 'ac', true],
    ['a*a', 'a', false],
    ['ab*b', 'ab', false],
    ['abc', 'abc', true],
    ['*b*', 'abc', true],
    ['*d*', 'abc', false],
  ])('pat(%s) on %s: %s', (glob, text, expected) => {
    expect(holds(`[BODY] == pat(${glob})`, { body: text })).toBe(expected);
  });
});

describe('a condition that cannot be read is refused with the character', () => {
  test.each([
    ['[STATUS] = 200', 15, 'needs a comparison'],
    ['[STATUS]==200', 14, 'needs a comparison'],
    ['', 1, 'needs a comparison'],
    ['STATUS == 200', 1, 'it is one of [STATUS]'],
    ['[STATE] == 200', 1, '[STATE] is not known'],
    ['  [STATUS].x == 200', 11, 'has no members'],
    ['[BODY].a..b == 1', 9, 'expected a member'],
    ['[BODY][x] == 1', 7, 'expected a member'],
    ['[STATUS] == up', 13, 'compared with a number'],
    ['[STATUS] == any(200, up)', 22, 'compared with a number'],
    ['[STATUS] ==  ', 14, 'nothing stands after'],
    ['[CONNECTED] == yes', 16, 'true or false'],
    ['has([BODY].x) == 1', 18, 'true or false'],
    ['has([BODY].x) > true', 15, 'only == and !='],
    ['[RESPONSE_TIME] < fast', 19, 'milliseconds'],
    ['[CERTIFICATE_EXPIRATION] > 48', 28, 'a duration such as 48h'],
    ['[BODY].count > many', 16, 'needs a number'],
    ['[BODY] > pat(*)', 8, 'only == and !='],
    ['size([BODY]) == 1', 1, '"size" is no function'],
    ['len([BODY] == 1', 16, 'needs a comparison'],
    ['[BODY] == len(x)', 11, 'stands before the comparison'],
    ['[BODY] == pat(x', 16, 'is not closed'],
    ['[BODY] == regex((a)', 17, 'is no regular expression'],
    ['[BODY] == regex((?=a))', 17, 'is no regular expression'],
  ])('%s', (text, character, message) => {
    const thrown = problemOf(text);

    expect(thrown).toMatchObject({ character, message: expect.stringContaining(message) });
  });
});

function problemOf(text: string): unknown {
  try {
    parseCondition(text);
  } catch (error) {
    expect(error).toBeInstanceOf(ConditionError);
    return error;
  }
  return undefined;
}
