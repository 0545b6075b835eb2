/** Installs versions of packages: newer ones for an update, and exactly the old ones for the way back. */
import { AutopilotError } from '#kernel/errors.ts';
import { apt, finishInterrupted } from '#sdk/apt/commands.ts';
import { keptFile } from '#sdk/apt/keep.ts';
import { type AptPlace, type AptTools, Versions, versionWord, versionWords } from '#sdk/apt/names.ts';
import { heldPackages, installedVersions } from '#sdk/apt/packages.ts';
import type { UpdateTarget } from '#sdk/kinds/service.ts';

/** The user's settings stay as they are, and nothing else may have to go. */
const INSTALL = [
  'apt-get',
  '-y',
  '-q',
  '--no-remove',
  '-o',
  'Dpkg::Options::=--force-confdef',
  '-o',
  'Dpkg::Options::=--force-confold',
  'install',
] as const;

/** Brings the packages onto this machine without installing them. */
export async function fetchPackages(
  tools: AptTools,
  place: AptPlace,
  targets: readonly UpdateTarget[],
): Promise<{ summary: string }> {
  const words = versionWords(targetVersions(targets));
  await apt(tools, place, [...INSTALL, '--download-only', '--only-upgrade', '--', ...words]);
  return { summary: `${words.join(', ')} fetched` };
}

/** An execution that was cut short may have installed them already, or half of them. */
export async function installTargets(
  tools: AptTools,
  place: AptPlace,
  targets: readonly UpdateTarget[],
): Promise<Versions> {
  const wanted = targetVersions(targets);
  if (await isInstalled(tools, place, wanted)) return wanted;
  await finishInterrupted(tools, place);
  await apt(tools, place, [...INSTALL, '--only-upgrade', '--allow-downgrades', '--', ...versionWords(wanted)]);
  await requireVersions(tools, place, wanted);
  return wanted;
}

/** From the files that were kept, else from a repository. Held packages stay held afterwards. */
export async function bringBack(tools: AptTools, place: AptPlace, versions: Versions): Promise<void> {
  if (await isInstalled(tools, place, versions)) return;
  await finishInterrupted(tools, place);
  const words: string[] = [];
  for (const [name, version] of Object.entries(versions)) {
    words.push((await keptFile(tools, name, version)) ?? versionWord(name, version));
  }
  const held = await heldPackages(tools, place);
  if (held.length > 0) throw cannotGoBack(tools, held);
  await apt(tools, place, [...INSTALL, '--allow-downgrades', '--', ...words]);
  await requireVersions(tools, place, versions);
}

/** `caddy=2.6.2-5` of each target, checked before it becomes a word of a command line. */
function targetVersions(targets: readonly UpdateTarget[]): Versions {
  return Versions.parse(
    Object.fromEntries(targets.map(({ name, reference }) => [name, reference.slice(reference.indexOf('=') + 1)])),
  );
}

async function isInstalled(tools: AptTools, place: AptPlace, wanted: Versions): Promise<boolean> {
  const now = await installedVersions(tools, { ...place, packages: Object.keys(wanted) });
  return Object.entries(wanted).every(([name, version]) => now[name] === version);
}

async function requireVersions(tools: AptTools, place: AptPlace, wanted: Versions): Promise<void> {
  if (await isInstalled(tools, place, wanted)) return;
  throw new AutopilotError(
    'HA_CHECK_FAILED',
    `${tools.name}: apt said it was done, but ${versionWords(wanted).join(', ')} is not installed`,
    {
      next: `see  dpkg -l ${Object.keys(wanted).join(' ')}`,
    },
  );
}

function cannotGoBack({ name }: AptTools, held: readonly string[]): AutopilotError {
  return new AutopilotError(
    'HA_CONFLICT',
    `${name}: ${held.join(', ')} was put on hold meanwhile, so apt may not bring it back`,
    {
      next: `release it with  apt-mark unhold ${held.join(' ')}  and roll back again`,
    },
  );
}
