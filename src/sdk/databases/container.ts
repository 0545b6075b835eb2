/** The container of a database server, as Docker tells of it. */
import { posix } from 'node:path';
import { until } from '#kernel/wait.ts';
import { type ContainerReach, type DatabaseTools, dockerEnv } from '#sdk/databases/server.ts';

/** @returns what it printed. */
export async function docker(
  { exec }: DatabaseTools,
  engine: Pick<ContainerReach, 'socket'>,
  words: readonly string[],
): Promise<string> {
  const { stdout } = await exec(['docker', ...words], { env: dockerEnv(engine), timeoutMs: 120_000 });
  return stdout.trim();
}

const SET_UP_MS = 300_000;

/**
 * The images of the vendors set a new data directory up with a server that answers like the real one and goes again, with
 * all that is done in it meanwhile. While their script runs, it is that server. Where the script stays, nothing tells: then
 * this ends with its time.
 */
export async function untilSetUp(tools: DatabaseTools, container: ContainerReach): Promise<void> {
  const { signal } = tools;
  const isDone = async () => ((await isSettingUp(tools, container)) ? undefined : true);
  await until(isDone, { timeoutMs: SET_UP_MS, everyMs: 500, signal });
  signal.throwIfAborted();
}

const COMMANDS = 'for one in /proc/[0-9]*/cmdline; do cat "$one" 2>/dev/null; echo; done';

async function isSettingUp(tools: DatabaseTools, container: ContainerReach): Promise<boolean> {
  // One without a shell has no script either; one that does not run is found out when it is asked.
  const listed = await docker(tools, container, ['exec', container.id, 'sh', '-c', COMMANDS]).catch(() => '');
  return listed.split('\n').some((command) => {
    const [program = '', script = ''] = command.split('\0');
    return /(?:^|\/)(?:ba|da|a)?sh$/.test(program) && /^(?:docker-)?entrypoint\.sh$/.test(posix.basename(script));
  });
}
