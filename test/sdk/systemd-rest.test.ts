/** Whether a systemd service was stopped by somebody, asked of a real systemd. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { isStoppedOnPurpose } from '#sdk/systemd-rest.ts';
import type { Tools } from '#sdk/tools.ts';
import { needsSystemd, startSystemd, type TestSystemd } from '#test/support/systemd.ts';
import { eventually } from '#test/support/wait.ts';

const UNITS = {
  'good.service': '[Service]\nExecStart=sleep infinity\n',
  'crashing.service': '[Service]\nExecStart=sh -c "exit 3"\n',
  'restless.service': '[Service]\nExecStart=sh -c "exit 3"\nRestart=always\nRestartSec=30\n',
};

let systemd: TestSystemd | undefined;
beforeAll(async () => {
  if (process.getuid?.() === 0) systemd = await startSystemd(UNITS).catch(() => undefined);
});
beforeEach((context) => needsSystemd(context));
afterAll(async () => await systemd?.[Symbol.asyncDispose]());

/** The plugin's tools, but with the user's instance in the place of the system's. */
const tools: Pick<Tools, 'exec'> = {
  exec: async ([, ...words]) => ({ stdout: (await systemd?.systemctl(...words)) ?? '', stderr: '', code: 0 }),
};
const stateOf = async (unit: string) =>
  (await systemd?.systemctl('show', '--property=ActiveState', '--value', unit))?.trim();

test('one that runs was not, and one that was stopped was', async () => {
  await systemd?.systemctl('start', 'good.service');
  const running = await isStoppedOnPurpose(tools, 'good.service');
  await systemd?.systemctl('stop', 'good.service');

  expect([running, await isStoppedOnPurpose(tools, 'good.service')]).toEqual([false, true]);
});

test('one that has crashed was not, whether systemd starts it again or not', async () => {
  await systemd?.systemctl('start', 'crashing.service', 'restless.service');
  await eventually('it has failed', async () => (await stateOf('crashing.service')) === 'failed');

  expect(await isStoppedOnPurpose(tools, 'crashing.service')).toBe(false);
  expect(await isStoppedOnPurpose(tools, 'restless.service')).toBe(false);
  await systemd?.systemctl('stop', 'restless.service');
});

test('of one that is not known, or where there is no systemd, nobody can tell', async () => {
  const without: Pick<Tools, 'exec'> = { exec: async () => Promise.reject(new Error('there is no systemctl')) };

  expect(await isStoppedOnPurpose(tools, 'nothing.service')).toBe(false);
  expect(await isStoppedOnPurpose(without, 'good.service')).toBe(false);
});
