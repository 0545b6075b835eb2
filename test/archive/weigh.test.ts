/** Before data is put back it is said which writes will be missing, and a person is asked where they wanted to be. */
import { expect, test } from 'vitest';
import type { ArchiveInput } from '#archive/action.ts';
import { weigh } from '#archive/weigh.ts';

const AT = '2026-11-25T03:00:00.000Z';
const HOUR_MS = 3_600_000;

const weighed = async (minutes: number, input: Partial<ArchiveInput<'weigh'>> = {}) => {
  const now = () => new Date(Date.parse(AT) + minutes * 60_000);
  const all = { set: 'p9f4', service: 'shop', capturedAt: AT, askAfterMs: HOUR_MS, config: true, data: true, ...input };
  return weigh({ now }, all);
};

test('as long as less was written than may be lost unasked, the way back goes on and says how much', async () => {
  await expect(weighed(60)).resolves.toEqual({ summary: `what was written in the 1h since ${AT} will be missing` });
  await expect(weighed(-5)).resolves.toMatchObject({ summary: expect.stringContaining('in the 0s since') });
});

test('when the service has served for longer, a person is asked, and told how to go back and how to keep the writes', async () => {
  await expect(weighed(192.4)).rejects.toMatchObject({
    code: 'HA_CHECK_FAILED',
    message: `what was written in the 3h12m since ${AT} will be missing: a person is to be asked (more than rollback.ask_after, 1h)`,
    next: 'to go back:  homelab-autopilot enqueue rollback shop --input to=p9f4  , and to keep what was written add  --input data=false',
  });
});

test('a person who wants to be asked always is asked also where no data would be put back', async () => {
  await expect(weighed(1, { askAfterMs: null, data: false, config: false })).rejects.toMatchObject({
    message: 'a person is to be asked (rollback.mode is ask)',
    next: 'to go back:  homelab-autopilot enqueue rollback shop --input to=p9f4 --input data=false --input config=false',
  });
});
