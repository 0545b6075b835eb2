/** Updates of Caddy by apt, and the way back: the old package, the old files, and what ran. */
import { z } from 'zod';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { bringBack, fetchPackages, installTargets } from '#sdk/apt/change.ts';
import { keepFiles, letFilesGo } from '#sdk/apt/keep.ts';
import { type AptPlace, Versions } from '#sdk/apt/names.ts';
import { installedVersions } from '#sdk/apt/packages.ts';
import { proposePackages, versionText } from '#sdk/apt/propose.ts';
import type { InputOf, OutputOf } from '#sdk/contract.ts';
import { milliseconds } from '#sdk/duration.ts';
import type { Release, service } from '#sdk/kinds/service.ts';
import { runningIfUp } from './admin.ts';
import type { CaddyTools } from './config.ts';
import { runAgain, startCaddy, stopCaddy } from './control.ts';
import { configFiles, driftNow, validateFile } from './file.ts';
import { savedFile, saveRunning } from './saved.ts';

type Actions = (typeof service)['actions'];
type Output<K extends keyof Actions> = Promise<OutputOf<Actions[K]>>;
type Done = Promise<{ summary: string }>;

/** What comes back out of a backup set is checked as if it came from anywhere. */
const Detail = z.object({
  packages: Versions,
  /** The configuration that ran was not the one of the file: a restart alone would lose it. */
  drift: z.boolean(),
  running: z.string().startsWith('/'),
});

export async function checkUpdate(tools: CaddyTools, asked: InputOf<Actions['checkUpdate']>): Output<'checkUpdate'> {
  const { to, policy = {} } = asked;
  const proposal = await proposePackages(tools, placeOf(tools), { to, policy });
  // An update ends with a restart, and no version could start with a file that is wrong.
  if (proposal.available) await validateFile(tools);
  return proposal;
}

export async function release(tools: CaddyTools): Output<'release'> {
  const [packages, running, files] = await Promise.all([packagesOf(tools), runningIfUp(tools), configFiles(tools)]);
  const version = await versionOf(tools, packages);
  const drift = await driftNow(tools, running);
  const detail: z.output<typeof Detail> = { packages, drift: drift !== undefined, running: savedFile(tools) };
  const saved = running === undefined ? [] : [savedFile(tools)];
  const foreign =
    Object.keys(packages).length === 0
      ? [`caddy ${version ?? ''} is no package of this system: a rollback leaves the program as it is`]
      : [];
  return {
    release: { version, images: [], configFiles: [...files, ...saved], detail },
    summary: version === null ? 'caddy' : `caddy ${version}`,
    warnings: [...foreign, ...(drift === undefined ? [] : [drift])],
  };
}

export async function fetch(tools: CaddyTools, { targets }: InputOf<Actions['fetch']>): Done {
  return await fetchPackages(tools, placeOf(tools), targets);
}

export async function hold(tools: CaddyTools, { set, release: old }: InputOf<Actions['hold']>): Done {
  const versions = detailOf(old)?.packages ?? {};
  return await keepFiles(tools, placeOf(tools), { set, versions });
}

export async function letGo(tools: CaddyTools, { keep }: InputOf<Actions['letGo']>): Done {
  return await letFilesGo(tools, keep);
}

/** The package may restart Caddy or not; only a restart of ours surely runs the new program. */
export async function update(
  tools: CaddyTools,
  { to, targets, release: old }: InputOf<Actions['update']>,
): Output<'update'> {
  await installTargets(tools, placeOf(tools), targets);
  await validateFile(tools);
  await stopCaddy(tools);
  await startCaddy(tools);
  const detail = detailOf(old);
  const again = detail?.drift === true && (await runAgain(tools, detail.running));
  const kept = again ? '; the configuration that ran was put in again' : '';
  return { summary: `${old.version ?? 'the old version'} → ${to}${kept}`, version: to };
}

/** What runs is saved before it stops: data that is about to be replaced is kept with it. */
export async function standby(tools: CaddyTools): Done {
  const running = await runningIfUp(tools);
  if (running !== undefined) await saveRunning(tools, running.text);
  await stopCaddy(tools);
  return { summary: `${tools.name} stopped` };
}

export async function revert(
  tools: CaddyTools,
  { release: old, image = true }: InputOf<Actions['revert']>,
): Output<'revert'> {
  const detail = detailOf(old);
  if (image && detail !== undefined) await bringBack(tools, placeOf(tools), detail.packages);
  await startCaddy(tools);
  const again = detail?.drift === true && (await runAgain(tools, detail.running));
  const version = await versionOf(tools, await packagesOf(tools));
  const kept = again ? ', with the configuration that ran' : '';
  return { summary: `caddy ${version ?? ''} runs again${kept}`, version };
}

function detailOf({ detail }: Release): z.output<typeof Detail> | undefined {
  const parsed = Detail.safeParse(detail);
  return parsed.success ? parsed.data : undefined;
}

function placeOf({
  config: {
    update: { package: name, root, timeout },
  },
}: CaddyTools): AptPlace {
  return { packages: [name], root, timeoutMs: milliseconds(timeout) };
}

/** Empty where Caddy did not come as a package. */
async function packagesOf(tools: CaddyTools): Promise<Versions> {
  try {
    return await installedVersions(tools, placeOf(tools));
  } catch (error) {
    if (error instanceof AutopilotError && error.code === 'HA_TOOL_MISSING') return {};
    throw error;
  }
}

async function versionOf(tools: CaddyTools, packages: Versions): Promise<string | null> {
  if (Object.keys(packages).length > 0) return versionText(packages);
  try {
    const { stdout } = await tools.exec([tools.config.program, 'version'], { timeoutMs: 30_000 });
    return stdout.trim().split(/\s/)[0] || null;
  } catch (error) {
    tools.log.warn('the version of Caddy is not known', { error: errorText(error) });
    return null;
  }
}

export async function currentVersion(tools: CaddyTools): Promise<string | null> {
  return await versionOf(tools, await packagesOf(tools));
}
