/** Whether packages have a newer version to go to, and whether they could be brought back from there. */
import { AutopilotError } from '#kernel/errors.ts';
import { type AptPlace, type AptTools, PackageVersion, type Versions, versionWord } from '#sdk/apt/names.ts';
import {
  candidates,
  heldPackages,
  offered,
  refreshLists,
  requireInstalled,
  type SideEffect,
  sideEffects,
} from '#sdk/apt/packages.ts';
import type { UpdateTarget } from '#sdk/kinds/service.ts';
import { isSkipped } from '#sdk/versions/decided.ts';
import type { Proposal } from '#sdk/versions/propose.ts';

/** @param asked `to`: the version that a person named; `policy`: the decisions on versions, as far as they count here. */
export async function proposePackages(
  tools: AptTools,
  place: AptPlace,
  { to, policy }: { to?: string | undefined; policy: Record<string, unknown> },
): Promise<Proposal> {
  const installed = await requireInstalled(tools, place);
  const from = versionText(installed);
  const held = await heldPackages(tools, place);
  if (held.length > 0 && to === undefined)
    return nothing(from, `${held.join(', ')} is held (apt-mark unhold releases it)`);
  if (held.length > 0) throw heldBack(tools, held);
  await refreshLists(tools, place);
  const newest = newer(installed, await candidates(tools, place));
  const wanted = to === undefined || to === versionText(newest) ? newest : await named(tools, place, { to, installed });
  if (Object.keys(wanted).length === 0) return nothing(from, `${from} is the newest`);
  const version = versionText(wanted);
  if (to === undefined && isSkipped(policy, tools.name, version)) {
    return nothing(from, `${version} is held: it was skipped, or rolled back; take it with  --input to=${version}`);
  }
  const effects = await sideEffects(tools, place, wanted);
  const stopping = effects.filter((effect) => effect.from !== null);
  if (stopping.length > 0) return refuse(tools, { from, version, to, stopping });
  const added = effects.map(({ name }) => name);
  const summary = `${from} → ${version}${added.length === 0 ? '' : `, which also installs ${added.join(', ')}`}`;
  return { available: true, from, to: version, targets: targetsOf(wanted), summary };
}

/** The versions as one word: it is shown, and decided on. */
export function versionText(versions: Versions): string {
  return [...new Set(Object.values(versions))].join('_');
}

function targetsOf(versions: Versions): UpdateTarget[] {
  return Object.entries(versions).map(([name, version]) => ({
    name,
    reference: versionWord(name, version),
    digest: null,
  }));
}

function nothing(from: string, summary: string): Proposal {
  return { available: false, from, to: from, targets: [], summary };
}

function newer(installed: Versions, candidate: Versions): Versions {
  return Object.fromEntries(Object.entries(candidate).filter(([name, version]) => installed[name] !== version));
}

async function named(
  tools: AptTools,
  place: AptPlace,
  { to, installed }: { to: string; installed: Versions },
): Promise<Versions> {
  if (!PackageVersion.safeParse(to).success) {
    throw new AutopilotError('HA_USAGE', `"${to}" is not the version of a Debian package`, {
      next: 'a version is written as apt shows it: 2.6.2-5',
    });
  }
  const found = [...(await offered(tools, place))].filter(([name, all]) => all.includes(to) && installed[name] !== to);
  if (found.length > 0) return Object.fromEntries(found.map(([name]) => [name, to]));
  if (Object.values(installed).includes(to)) return {};
  throw new AutopilotError(
    'HA_NOT_FOUND',
    `${tools.name}: no repository offers ${place.packages.join(', ')} as ${to}`,
    {
      next: `see  apt-cache madison ${place.packages.join(' ')}`,
    },
  );
}

/** The way back brings the named packages alone: what else would change would stay changed. */
function refuse(
  tools: AptTools,
  {
    from,
    version,
    to,
    stopping,
  }: { from: string; version: string; to: string | undefined; stopping: readonly SideEffect[] },
): Proposal {
  const what = stopping.map((one) => `${one.name} ${one.from} → ${one.to ?? 'removed'}`).join(', ');
  const summary = `${version} is held: it would also change ${what}, which no rollback would bring back`;
  if (to === undefined) return nothing(from, summary);
  throw new AutopilotError('HA_CONFLICT', `${tools.name}: ${summary}`, {
    next: 'name those packages as well, or bring them up to date yourself first',
  });
}

function heldBack({ name }: AptTools, held: readonly string[]): AutopilotError {
  return new AutopilotError('HA_CONFLICT', `${name}: ${held.join(', ')} is held on this system`, {
    next: `release it with  apt-mark unhold ${held.join(' ')}  if that is what you want`,
  });
}
