/** Has a program running again that does not work: as a unit of systemd, or with the user's own commands. */
import { AutopilotError, errorText } from '#kernel/errors.ts';
import type { InputOf, OutputOf } from '#sdk/contract.ts';
import type { service } from '#sdk/kinds/service.ts';
import { isStoppedOnPurpose } from '#sdk/systemd-rest.ts';
import type { Argv, ExecOptions } from '#sdk/tools.ts';
import { asService, runAll } from './commands.ts';
import type { GenericTools } from './config.ts';

type Action = (typeof service)['actions']['restart'];

export async function restart(tools: GenericTools, { stop }: Pick<InputOf<Action>, 'stop'>): Promise<OutputOf<Action>> {
  const ways = waysOf(tools);
  if (stop === false) return await startOnly(tools, ways);
  if (ways.unit !== undefined) return await restartUnit(tools, ways.unit, ways.options);
  // One that hangs may not be stopped by its command; that must not keep it from being started.
  await runAll(tools, ways.stop, ways.options);
  for (const command of ways.start) await tools.exec(command, ways.options);
  return { restarted: true, summary: `${tools.name} stopped and started` };
}

/** The restart is a job of systemd's own: it goes on to its end whoever of us dies meanwhile. */
async function restartUnit(tools: GenericTools, unit: string, options: ExecOptions): Promise<OutputOf<Action>> {
  if (await isStoppedOnPurpose(tools, unit)) {
    return { restarted: false, summary: `${unit} is stopped, and has not failed: somebody has stopped it` };
  }
  // A unit that was started too often is refused until it is forgotten.
  await runAll(tools, [['systemctl', 'reset-failed', '--', unit]], options);
  await tools.exec(['systemctl', 'restart', '--', unit], options);
  return { restarted: true, summary: `${unit} restarted` };
}

async function startOnly(tools: GenericTools, { unit, start, options }: Ways): Promise<OutputOf<Action>> {
  if (unit !== undefined && (await isStoppedOnPurpose(tools, unit))) {
    return { restarted: false, summary: `${unit} stays stopped` };
  }
  const failures = await runAll(tools, unit === undefined ? start : [['systemctl', 'start', '--', unit]], options);
  tools.signal.throwIfAborted();
  const failed = failures.map(errorText);
  return failed.length === 0
    ? { restarted: true, summary: `${tools.name} is started` }
    : { restarted: false, summary: `${tools.name} could not be started: ${failed.join('; ')}` };
}

interface Ways {
  /** Undefined where the user's own commands go first. */
  unit: string | undefined;
  stop: readonly Argv[];
  start: readonly Argv[];
  options: ExecOptions;
}

function waysOf({ name, config }: GenericTools): Ways {
  const { unit } = config;
  const { stop, start, timeout } = quiesceOf(config) ?? { stop: [], start: [], timeout: '60s' };
  const options = asService(timeout);
  if (start.length > 0) return { unit: undefined, stop, start, options };
  if (unit !== undefined) return { unit, stop, start, options };
  throw new AutopilotError('HA_CONFIG_INVALID', `${name} cannot be restarted: ${NOTHING_STARTS_IT}`, {
    next: WHAT_STARTS_IT,
  });
}

const NOTHING_STARTS_IT = 'nothing says how it is started';
const WHAT_STARTS_IT = 'give it `unit`, or backup.quiesce with stop and start commands';

/** What a restart would find missing. */
export function lacksStart(config: Pick<GenericTools['config'], 'unit'> & WithoutBackup): string | undefined {
  const starts = config.unit !== undefined || (quiesceOf(config)?.start ?? []).length > 0;
  return starts ? undefined : `${NOTHING_STARTS_IT}; ${WHAT_STARTS_IT}`;
}

/** A service that is only watched has no section of backups. */
interface WithoutBackup {
  backup?: Partial<GenericTools['config']['backup']> | undefined;
}

function quiesceOf({ backup }: WithoutBackup) {
  return backup?.quiesce;
}
