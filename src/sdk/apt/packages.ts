/** What apt and dpkg know of packages: what is installed, what is newer, what is held, and what a change would bring with it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import { apt, dpkgQuery } from '#sdk/apt/commands.ts';
import { type AptPlace, type AptTools, type Versions, versionWords } from '#sdk/apt/names.ts';

/** Versions of those of the packages that are installed whole. */
export async function installedVersions(tools: AptTools, place: AptPlace): Promise<Versions> {
  const format = '${db:Status-Abbrev}|${Package}|${Version}\\n';
  const printed = await dpkgQuery(tools, place, ['--show', `--showformat=${format}`, '--', ...place.packages]);
  const rows = printed.split('\n').map((line) => line.split('|'));
  // The second letter is what is there: half of a package, or its settings alone, is not a version that runs.
  const whole = rows.filter(([status = '']) => status[1] === 'i');
  return Object.fromEntries(whole.map(([, name = '', version = '']) => [name, version]));
}

/** The same, when all of them must be there. */
export async function requireInstalled(tools: AptTools, place: AptPlace): Promise<Versions> {
  const versions = await installedVersions(tools, place);
  const missing = place.packages.filter((name) => versions[name] === undefined);
  if (missing.length === 0) return versions;
  throw new AutopilotError('HA_NOT_FOUND', `${tools.name}: the package ${missing.join(', ')} is not installed here`, {
    next: 'correct the names, or take out what is not a package of this system',
  });
}

/** Asks the repositories anew. One that cannot be asked is an error: its silence must not pass for "nothing newer". */
export async function refreshLists(tools: AptTools, place: AptPlace): Promise<void> {
  try {
    await apt(tools, place, ['apt-get', '-q', '-o', 'APT::Update::Error-Mode=any', 'update']);
  } catch (cause) {
    if (!(cause instanceof AutopilotError) || cause.code !== 'HA_COMMAND_FAILED') throw cause;
    throw new AutopilotError(
      'HA_REMOTE_UNREACHABLE',
      `${tools.name}: apt could not ask all repositories: ${cause.message}`,
      {
        cause,
        next: 'see what  apt-get update  says',
      },
    );
  }
}

/** The version that apt would install of each, by the user's own pins. */
export async function candidates(tools: AptTools, place: AptPlace): Promise<Versions> {
  const printed = await apt(tools, place, ['apt-cache', 'policy', '--', ...place.packages]);
  const found: Record<string, string> = {};
  let name = '';
  for (const line of printed.split('\n')) {
    if (/^\S+:$/.test(line)) name = line.slice(0, -1);
    const candidate = /^\s+Candidate: (\S+)$/.exec(line)?.[1];
    if (candidate !== undefined && candidate !== '(none)') found[name] = candidate;
  }
  return found;
}

/** All versions of each that a repository offers now. */
export async function offered(tools: AptTools, place: AptPlace): Promise<ReadonlyMap<string, readonly string[]>> {
  const printed = await apt(tools, place, ['apt-cache', 'madison', '--', ...place.packages]);
  const rows = printed.split('\n').map((line) => line.split('|').map((field) => field.trim()));
  return new Map(
    place.packages.map((name) => [name, rows.flatMap(([named, version = '']) => (named === name ? [version] : []))]),
  );
}

/** Those that somebody has put on hold, with `apt-mark hold`. */
export async function heldPackages(tools: AptTools, place: AptPlace): Promise<string[]> {
  const held = (await apt(tools, place, ['apt-mark', 'showhold', '--', ...place.packages])).split('\n');
  return place.packages.filter((name) => held.includes(name));
}

export interface SideEffect {
  name: string;
  from: string | null;
  /** Null: it would be removed. */
  to: string | null;
}

/** What installing these versions would do besides; nothing is changed. */
export async function sideEffects(tools: AptTools, place: AptPlace, wanted: Versions): Promise<SideEffect[]> {
  const printed = await apt(tools, place, [
    'apt-get',
    '-s',
    '-y',
    'install',
    '--only-upgrade',
    '--',
    ...versionWords(wanted),
  ]);
  return printed.split('\n').flatMap((line) => {
    const [, verb = '', name = '', from, to] = /^(Inst|Remv) (\S+)(?: \[([^\]]*)\])?(?: \((\S+))?/.exec(line) ?? [];
    const plain = name.split(':')[0] ?? '';
    if (verb === '' || plain in wanted) return [];
    return [{ name: plain, from: from ?? null, to: verb === 'Remv' ? null : (to ?? null) }];
  });
}

/** @returns in words why the machine wants to be started anew; undefined when it does not. */
export async function rebootRequired({ root }: Pick<AptPlace, 'root'>): Promise<string | undefined> {
  const read = async (file: string) => readFile(join(root, 'var/run', file), 'utf8').catch(() => undefined);
  if ((await read('reboot-required')) === undefined) return undefined;
  const packages = ((await read('reboot-required.pkgs')) ?? '').split('\n').filter((line) => line !== '');
  const because = packages.length === 0 ? '' : ` (because of ${[...new Set(packages)].join(', ')})`;
  return `the machine wants to be restarted${because}`;
}
