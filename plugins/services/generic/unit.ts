/** A systemd service, as the commands and the probe that it stands for. */
import type { Probe } from '#sdk/probes.ts';
import type { Argv } from '#sdk/tools.ts';
import type { GenericTools } from './config.ts';

/** The user's own commands, if there are any. */
export function stopCommands({ config: { unit, backup } }: GenericTools): readonly Argv[] {
  const { stop } = backup.quiesce;
  return stop.length === 0 && unit !== undefined ? [['systemctl', 'stop', '--', unit]] : stop;
}

export function startCommands({ config: { unit, backup } }: GenericTools): readonly Argv[] {
  const { start } = backup.quiesce;
  return start.length === 0 && unit !== undefined ? [['systemctl', 'start', '--', unit]] : start;
}

/** The user's own probes, and that systemd calls it active. */
export function probesOf({ config: { unit, validate } }: GenericTools): readonly Probe[] {
  if (unit === undefined) return validate;
  return [...validate, { type: 'command', command: ['systemctl', 'is-active', '--', unit], timeout: '10s' }];
}
