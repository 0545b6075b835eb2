/** The systemd probe, asked of a real systemd. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { hasTool } from '#test/support/needs.ts';
import { ask } from '#test/support/probes.ts';
import { needsSystemd, startSystemd, type TestSystemd } from '#test/support/systemd.ts';
import { eventually } from '#test/support/wait.ts';

const UNITS = {
  'good.service': '[Service]\nExecStart=sleep 1000\n',
  'bad.service': '[Service]\nExecStart=sh -c "exit 3"\n',
  'loop.service': '[Service]\nExecStart=false\nRestart=always\nRestartSec=1000\n',
  // Without one that refers to it, systemd forgets a unit as soon as it has ended. So this is started first.
  'job.timer': '[Timer]\nOnActiveSec=1000\n',
  'job.service': '[Service]\nType=oneshot\nExecStart=true\n',
  'never.service': '[Service]\nType=oneshot\nExecStart=true\n',
};

let systemd: TestSystemd | undefined;

beforeAll(async () => {
  if (!hasTool('systemd') || process.getuid?.() !== 0) return;
  systemd = await startSystemd(UNITS);
  vi.stubEnv('XDG_RUNTIME_DIR', systemd.runtime);
  for (const unit of Object.keys(UNITS)) {
    if (unit !== 'never.service') await systemd.systemctl('start', '--no-block', unit);
  }
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await systemd?.[Symbol.asyncDispose]();
});
beforeEach(needsSystemd);

const unit = async (name: string, state: 'active' | 'done' = 'active') =>
  ask({ type: 'systemd', unit: name, state, scope: 'user' });

describe('a systemd probe', () => {
  test('is good when the unit is active', async () => {
    await eventually('it runs', async () => (await unit('good.service')).ok);

    expect(await unit('good.service')).toMatchObject({ probe: 'unit good.service', detail: 'active (running)' });
  });

  test('tells how a unit failed', async () => {
    const seen = await eventually('it failed', async () => {
      const one = await unit('bad.service');
      return one.detail.startsWith('failed') && one;
    });

    expect(seen).toMatchObject({ ok: false, detail: 'failed (failed): ended with status 3' });
  });

  test('is not good between a crash and the next start', async () => {
    const seen = await eventually('it crashed', async () => {
      const one = await unit('loop.service');
      return one.detail.startsWith('crashed') && one;
    });

    expect(seen).toMatchObject({ ok: false, detail: 'crashed and about to be restarted (exit-code)' });
  });

  test('is good for a one-shot that has ended well, and not for one that never ran or failed', async () => {
    await eventually('it ended', async () => (await unit('job.service', 'done')).ok);

    expect(await unit('job.service', 'done')).toMatchObject({ detail: 'has ended well' });
    expect(await unit('never.service', 'done')).toMatchObject({
      ok: false,
      detail: 'systemd knows of no run of it',
    });
    expect(await unit('bad.service', 'done')).toMatchObject({ ok: false });
    expect(await unit('good.service', 'done')).toMatchObject({ ok: false });
  });

  test('says that there is no such unit', async () => {
    expect(await unit('nothing.service')).toMatchObject({ ok: false, detail: 'there is no such unit' });
  });
});
