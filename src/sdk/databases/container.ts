/** The container of a database server, as Docker tells of it. */
import { posix } from 'node:path';
import { until } from '#kernel/wait.ts';
import { ask, type ContainerReach, type DatabaseTools, type Server } from '#sdk/databases/server.ts';

/** @returns what it printed. */
export async function docker(
  { exec }: DatabaseTools,
  { socket }: Pick<ContainerReach, 'socket'>,
  words: readonly string[],
): Promise<string> {
  const { stdout } = await exec(['docker', ...words], { env: dockerEnv({ socket }), timeoutMs: 120_000 });
  return stdout.trim();
}

/** For the command line of Docker. */
export function dockerEnv({ socket }: Pick<ContainerReach, 'socket'>): { DOCKER_HOST: string } {
  return { DOCKER_HOST: `unix://${socket}` };
}

const SET_UP_MS = 300_000;

/**
 * The images of the vendors set a new data directory up with a server that answers like the real one and goes again, with
 * all that is done in it meanwhile. While their script runs, it is that server. Where the script stays, nothing tells: then
 * this ends with its time.
 */
export async function untilSetUp(server: Server): Promise<void> {
  const { signal } = server.tools;
  await until(async () => ((await isSettingUp(server)) ? undefined : true), {
    timeoutMs: SET_UP_MS,
    everyMs: 500,
    signal,
  });
  signal.throwIfAborted();
}

const COMMANDS = 'for one in /proc/[0-9]*/cmdline; do cat "$one" 2>/dev/null; echo; done';

async function isSettingUp(server: Server): Promise<boolean> {
  // One without a shell has no script either; one that does not run is found out when it is asked.
  const listed = await ask(server, ['sh', '-c', COMMANDS]).catch(() => '');
  return listed.split('\n').some((command) => {
    const [program = '', script = ''] = command.split('\0');
    return /(?:^|\/)(?:ba|da|a)?sh$/.test(program) && /^(?:docker-)?entrypoint\.sh$/.test(posix.basename(script));
  });
}
