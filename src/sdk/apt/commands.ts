/** The command lines of apt and dpkg, for the running system or another tree, with errors that say what is wrong. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import type { AptPlace, AptTools } from '#sdk/apt/names.ts';
import type { Argv, ExecOptions } from '#sdk/tools.ts';

/** Nobody is there to answer a question; what restarts services by itself or shows the news is told to keep still. */
const QUIET = {
  DEBIAN_FRONTEND: 'noninteractive',
  NEEDRESTART_MODE: 'l',
  NEEDRESTART_SUSPEND: '1',
  APT_LISTCHANGES_FRONTEND: 'none',
};

/** Another program that uses apt at the same time is waited for. */
const WAIT_FOR_LOCK = ['-o', 'DPkg::Lock::Timeout=120'];

/** Runs `apt-get`, `apt-cache` or `apt-mark`. @returns what it printed. */
export async function apt(
  tools: AptTools,
  place: Pick<AptPlace, 'root' | 'timeoutMs'>,
  [program, ...words]: Argv,
  options: ExecOptions = {},
): Promise<string> {
  const argv: Argv = [program, ...(program === 'apt-get' ? WAIT_FOR_LOCK : []), ...words];
  const env = { ...QUIET, ...(await elsewhere(tools, place)) };
  try {
    const { stdout } = await tools.exec(argv, { timeoutMs: place.timeoutMs, priority: 'normal', ...options, env });
    return stdout;
  } catch (error) {
    throw aptTrouble(tools, error) ?? error;
  }
}

export async function dpkgQuery(
  tools: AptTools,
  { root, timeoutMs }: Pick<AptPlace, 'root' | 'timeoutMs'>,
  words: readonly string[],
): Promise<string> {
  const place = root === '/' ? [] : [`--admindir=${join(root, 'var/lib/dpkg')}`];
  // Status 1: some of the packages are not known. What is known is printed all the same.
  const { stdout } = await tools.exec(['dpkg-query', ...place, ...words], { timeoutMs, okCodes: [0, 1] });
  return stdout;
}

/** Ends what an earlier dpkg that was killed has left half done; apt refuses to work until then. */
export async function finishInterrupted(tools: AptTools, { root, timeoutMs }: AptPlace): Promise<void> {
  const place = root === '/' ? [] : [`--root=${root}`];
  const argv: Argv = ['dpkg', ...place, '--force-confdef', '--force-confold', '--configure', '-a'];
  await tools.exec(argv, { timeoutMs, priority: 'normal', env: QUIET }).catch((error: unknown) => {
    tools.signal.throwIfAborted();
    tools.log.warn('dpkg could not finish what an earlier one had begun', { error: String(error) });
  });
}

/** Settings for a tree that is not the running system: its own lists, its own sources, its own dpkg. */
async function elsewhere(tools: AptTools, { root }: Pick<AptPlace, 'root'>): Promise<Record<string, string>> {
  if (root === '/') return {};
  const file = join(await tools.scratch(), 'apt.conf');
  const settings = {
    Dir: root,
    'Dir::State::status': join(root, 'var/lib/dpkg/status'),
    'Dir::Bin::dpkg': '/usr/bin/dpkg',
    'DPkg::Options::': `--root=${root}`,
  };
  await writeFile(
    file,
    `${Object.entries(settings)
      .map(([key, value]) => `${key} "${value}";`)
      .join('\n')}\n`,
  );
  return { APT_CONFIG: file };
}

function aptTrouble({ name }: AptTools, cause: unknown): AutopilotError | undefined {
  if (!(cause instanceof AutopilotError)) return undefined;
  if (cause.code === 'HA_TOOL_MISSING') {
    return new AutopilotError('HA_TOOL_MISSING', `${name}: this system has no apt (${cause.message})`, {
      cause,
      next: 'updates by apt need Debian or a system made from it',
    });
  }
  if (cause.code !== 'HA_COMMAND_FAILED') return undefined;
  if (/lock file [^\n]*permission denied|are you root/i.test(cause.message)) {
    return new AutopilotError('HA_CHECK_FAILED', `${name}: this user may not use apt: ${cause.message}`, {
      cause,
      next: 'run the worker as root',
    });
  }
  if (/could not get lock|unable to acquire the dpkg frontend lock/i.test(cause.message)) {
    return new AutopilotError('HA_REMOTE_UNREACHABLE', `${name}: another program is using apt: ${cause.message}`, {
      cause,
      next: 'wait until it has ended; it is tried again',
    });
  }
  return undefined;
}
