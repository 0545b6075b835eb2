/** The systemd probe: a unit is active, or has done what it was there for. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { milliseconds } from '#sdk/duration.ts';
import type { Seen } from '#sdk/probes/seen.ts';
import { timeout, Word } from '#sdk/probes/settings.ts';
import type { Argv, Tools } from '#sdk/tools.ts';

export const SystemdProbe = z.strictObject({
  type: z.literal('systemd'),
  unit: Word.describe('Name of the unit: caddy.service'),
  state: z
    .enum(['active', 'done'])
    .default('active')
    .describe(
      'active: it runs; done: it has run and ended well, as the unit of a timer does. systemd forgets the runs of units that nothing refers to',
    ),
  scope: z.enum(['system', 'user']).default('system').describe('user: a unit of the user that the worker runs as'),
  timeout,
});
type SystemdProbe = z.output<typeof SystemdProbe>;

const PROPERTIES = [
  'LoadState',
  'ActiveState',
  'SubState',
  'Result',
  'NRestarts',
  'InvocationID',
  'ExecMainStatus',
  'ExecMainExitTimestampMonotonic',
];

export async function askSystemd(tools: Tools, probe: SystemdProbe): Promise<Seen> {
  const scope = probe.scope === 'user' ? ['--user'] : [];
  const show: Argv = ['systemctl', ...scope, 'show', `--property=${PROPERTIES.join(',')}`, '--', probe.unit];
  const { stdout } = await tools.exec(show, { timeoutMs: milliseconds(probe.timeout), env: userBus(probe) });
  const facts = new Map(stdout.split('\n').map((line) => line.split(/=(.*)/s, 2) as [string, string]));
  const fact = (name: string): string => facts.get(name) ?? '';
  const load = fact('LoadState');
  if (load === '') throw new AutopilotError('HA_CHECK_FAILED', 'systemctl said nothing of the unit');
  if (load !== 'loaded') {
    return { ok: false, detail: load === 'not-found' ? 'there is no such unit' : `the unit is ${load}` };
  }
  return { ...judge(probe, fact), began: `${fact('InvocationID')} ${fact('NRestarts')}` };
}

function judge({ state }: SystemdProbe, fact: (name: string) => string): Seen {
  const active = fact('ActiveState');
  const sub = fact('SubState');
  const restarts = Number(fact('NRestarts') || '0');
  const again = restarts === 0 ? '' : `, restarted ${restarts === 1 ? 'once' : `${restarts} times`}`;
  // Between a crash and the next start systemd calls a unit "activating".
  if (sub === 'auto-restart')
    return { ok: false, detail: `crashed and about to be restarted (${fact('Result')})${again}` };
  if (state === 'active')
    return { ok: active === 'active', detail: `${active} (${sub})${reasonOf(active, fact)}${again}` };
  const ran = Number(fact('ExecMainExitTimestampMonotonic') || '0') > 0;
  const well = fact('Result') === 'success' && (active === 'inactive' || active === 'active');
  if (well && ran && sub !== 'running') return { ok: true, detail: 'has ended well' };
  if (active === 'inactive' && !ran) return { ok: false, detail: 'systemd knows of no run of it' };
  return { ok: false, detail: `${active} (${sub})${reasonOf(active, fact)}` };
}

function reasonOf(active: string, fact: (name: string) => string): string {
  if (active !== 'failed') return '';
  const result = fact('Result');
  return `: ${result === 'exit-code' ? `ended with status ${fact('ExecMainStatus')}` : result}`;
}

/** Children get a small environment, and the bus of a user is found through it. */
function userBus({ scope }: SystemdProbe): Record<string, string> {
  const directory = process.env['XDG_RUNTIME_DIR'] ?? `/run/user/${process.getuid?.() ?? 0}`;
  return scope === 'user' ? { XDG_RUNTIME_DIR: directory, LC_ALL: 'C' } : { LC_ALL: 'C' };
}
