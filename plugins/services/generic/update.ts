/** Updates by the user's own commands, and the way back from them. */
import { AutopilotError } from '#kernel/errors.ts';
import { bringBack, fetchPackages, installTargets } from '#sdk/apt/change.ts';
import { keepFiles, letFilesGo } from '#sdk/apt/keep.ts';
import type { AptPlace } from '#sdk/apt/names.ts';
import { rebootRequired } from '#sdk/apt/packages.ts';
import { proposePackages } from '#sdk/apt/propose.ts';
import type { InputOf, OutputOf } from '#sdk/contract.ts';
import { milliseconds } from '#sdk/duration.ts';
import type { Release, service, UpdateTarget } from '#sdk/kinds/service.ts';
import type { Argv } from '#sdk/tools.ts';
import { isSkipped } from '#sdk/versions/decided.ts';
import { asService, runAll, versionOf } from './commands.ts';
import type { GenericTools } from './config.ts';
import { aptPlace, packagesIn, packagesOf } from './packages.ts';
import { probesOf, startCommands, stopCommands } from './unit.ts';

type Actions = (typeof service)['actions'];
type Output<K extends keyof Actions> = Promise<OutputOf<Actions[K]>>;

export async function checkUpdate(
  tools: GenericTools,
  { to, policy }: InputOf<Actions['checkUpdate']>,
): Output<'checkUpdate'> {
  requireWayBack(tools);
  const place = aptPlace(tools);
  if (place !== undefined) return await proposePackages(tools, place, { to, policy: policy ?? {} });
  const from = (await versionOf(tools)).found.version ?? 'unknown';
  const newest = to ?? (await newestVersion(tools)) ?? from;
  const newer = newest !== from;
  const held = newer && to === undefined && isSkipped(policy, tools.name, newest);
  const available = newer && !held;
  return {
    available,
    from,
    to: newest,
    targets: [],
    summary: summaryOf({ from, newest, held }),
  };
}

function summaryOf({ from, newest, held }: { from: string; newest: string; held: boolean }): string {
  if (held) return `${newest} is held: it was skipped, or rolled back; take it with  --input to=${newest}`;
  return newest === from ? `${from} is the newest` : `${from} → ${newest}`;
}

/** Before anything is changed: what an update cannot be judged by, or brought back from, it must not begin. */
function requireWayBack(tools: GenericTools): void {
  const { name, config } = tools;
  const { command, apt } = config.update;
  const missing = [
    ...(command === undefined && apt === undefined ? ['update.command, which updates it'] : []),
    ...(probesOf(tools).length === 0 ? ['validate, the probes that judge the new version'] : []),
    ...(stopCommands(tools).length === 0 ? ['backup.quiesce, which stops and starts it for the way back'] : []),
  ];
  if (missing.length === 0) return;
  throw new AutopilotError('HA_CONFIG_INVALID', `${name} cannot be updated without ${missing.join(', and ')}`, {
    next: 'add it to the service',
  });
}

async function newestVersion(tools: GenericTools): Promise<string | undefined> {
  const { check, timeout } = tools.config.update;
  if (check === undefined) {
    throw new AutopilotError('HA_CONFIG_INVALID', `${tools.name} has no update.check, which tells the newest version`, {
      next: 'add it, or name the version:  --input to=VERSION',
    });
  }
  const { stdout } = await tools.exec(check, { timeoutMs: milliseconds(timeout) });
  const version = stdout.trim().split('\n')[0];
  return version === '' ? undefined : version;
}

export async function release(tools: GenericTools): Output<'release'> {
  const { found, problems } = await versionOf(tools);
  const version = found.version ?? null;
  const summary = version === null ? 'files alone' : `version ${version}`;
  const detail = { packages: await packagesOf(tools) };
  return { release: { version, images: [], configFiles: [], detail }, summary, warnings: problems };
}

/** What an update needs, its own command brings itself. */
export async function fetch(tools: GenericTools, { targets }: InputOf<Actions['fetch']>): Output<'fetch'> {
  const place = aptPlace(tools);
  return place === undefined ? { summary: 'nothing to fetch' } : await fetchPackages(tools, place, targets);
}

export async function hold(tools: GenericTools, { set, release: old }: InputOf<Actions['hold']>): Output<'hold'> {
  const place = aptPlace(tools);
  if (place === undefined) return { summary: 'nothing to hold' };
  return await keepFiles(tools, place, { set, versions: packagesIn(tools, old) });
}

export async function letGo(tools: GenericTools, { keep }: InputOf<Actions['letGo']>): Output<'letGo'> {
  return aptPlace(tools) === undefined ? { summary: 'nothing was held' } : await letFilesGo(tools, keep);
}

/** Only where packages of the system are what is updated is the system's own wish of interest here. */
export async function rebootOf(tools: GenericTools): Promise<string | undefined> {
  const place = aptPlace(tools);
  return place === undefined ? undefined : await rebootRequired(place);
}

/** An execution that was cut short may have updated already; then there is nothing more to do. */
export async function update(
  tools: GenericTools,
  { to, targets, release: old }: { to: string; targets: readonly UpdateTarget[]; release: Release },
): Output<'update'> {
  const place = aptPlace(tools);
  if (place !== undefined) return await updatePackages(tools, place, { to, targets, old });
  const { command } = tools.config.update;
  if (command !== undefined && !(await runs(tools, to))) await runFor(tools, command, to);
  const version = (await versionOf(tools)).found.version ?? null;
  if (version !== null && version === old.version) {
    throw new AutopilotError('HA_CHECK_FAILED', `${tools.name} still runs ${version} after its update to ${to}`, {
      next: `run  ${command?.join(' ')}  yourself and see what it says`,
    });
  }
  return { summary: `${old.version ?? 'the old version'} → ${version ?? to}`, version };
}

/** A package may restart its service or not; only a restart of ours surely runs the new program. */
async function updatePackages(
  tools: GenericTools,
  place: AptPlace,
  { to, targets, old }: { to: string; targets: readonly UpdateTarget[]; old: Release },
): Output<'update'> {
  await installTargets(tools, place, targets);
  await standby(tools);
  await startAll(tools);
  const reboot = await rebootRequired(place);
  const told = reboot === undefined ? '' : `; ${reboot}`;
  return { summary: `${old.version ?? 'the old version'} → ${to}${told}`, version: to };
}

async function startAll(tools: GenericTools): Promise<void> {
  const failures = await runAll(tools, startCommands(tools), asService(tools.config.backup.quiesce.timeout));
  if (failures[0] !== undefined) throw failures[0];
}

export async function standby(tools: GenericTools): Output<'standby'> {
  const { timeout } = tools.config.backup.quiesce;
  const stop = stopCommands(tools);
  if (stop.length === 0) {
    throw new AutopilotError('HA_CONFIG_INVALID', `${tools.name} cannot be stopped: it has no backup.quiesce.stop`, {
      next: 'add backup.quiesce with stop and start commands',
    });
  }
  for (const command of stop) await tools.exec(command, asService(timeout));
  return { summary: `${tools.name} stopped` };
}

/** The program may have come back with the files; else the user's command brings it. That it is back is looked at. */
export async function revert(
  tools: GenericTools,
  { release: old, image }: { release: Release; image: boolean },
): Output<'revert'> {
  const place = aptPlace(tools);
  if (image && place !== undefined) await bringBack(tools, place, packagesIn(tools, old));
  const { revert: command } = tools.config.update;
  if (image && command !== undefined && old.version !== null && !(await runs(tools, old.version))) {
    await runFor(tools, command, old.version);
  }
  await startAll(tools);
  const version = (await versionOf(tools)).found.version ?? null;
  if (image && old.version !== null && version !== null && version !== old.version) {
    const missing =
      command === undefined ? 'there is no update.revert that would bring it' : 'update.revert did not bring it';
    throw new AutopilotError('HA_CHECK_FAILED', `${tools.name} runs ${version} and not ${old.version}: ${missing}`, {
      next: `install ${old.version} yourself`,
    });
  }
  return { summary: `${tools.name} started${version === null ? '' : `, version ${version}`}`, version };
}

async function runs(tools: GenericTools, version: string): Promise<boolean> {
  return (await versionOf(tools)).found.version === version;
}

async function runFor(tools: GenericTools, command: Argv, version: string): Promise<void> {
  const { timeout } = tools.config.update;
  await tools.exec(command, { ...asService(timeout), env: { HOMELAB_AUTOPILOT_VERSION: version } });
}
