/** The ping probe, with the system's own ping. */
import { beforeEach, expect, test } from 'vitest';
import { needs } from '#test/support/needs.ts';
import { ask } from '#test/support/probes.ts';

beforeEach((context) => needs(context, 'ping'));

test('a machine that answers is good, with the time that it took', async () => {
  const seen = await ask({ type: 'ping', host: '127.0.0.1' });

  expect(seen).toMatchObject({ probe: 'ping 127.0.0.1', ok: true });
  expect(seen.detail).toMatch(/^answered in [\d.]+ ms$/);
});

test('a machine that does not exist is not good', async () => {
  expect(await ask({ type: 'ping', host: 'no-such-host.invalid' })).toMatchObject({ ok: false });
});
