/** The command lines of Docker and Compose, for one engine, with errors that say what is wrong. */
import { AutopilotError } from '#kernel/errors.ts';
import type { Argv, ExecOptions, ExecResult, Tools } from '#sdk/tools.ts';
import { type HostPort, portsInConfig } from './host-port.ts';

type EngineTools = Pick<Tools<{ socket: string }>, 'config' | 'name' | 'exec'>;

/** The start of a container is not the place to give way to others: an outage may be going on. */
const LIMITS = { timeoutMs: 60_000, priority: 'normal' } satisfies ExecOptions;

/** Runs `docker …`. @returns what it printed. */
export async function docker(tools: EngineTools, words: readonly string[], options: ExecOptions = {}): Promise<string> {
  return (await run(tools, ['docker', ...words], options)).stdout;
}

/** What a command printed, without the lines that say nothing. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** Where Compose is to look, and under which name the project runs. */
export interface ComposeProject {
  name: string;
  directory: string;
  /** Files that the containers were made from; empty: those that Compose finds in the directory by itself. */
  files: readonly string[];
}

/** Runs `docker compose …`, or `docker-compose …` where that is what is installed. */
export async function compose(
  tools: EngineTools,
  project: ComposeProject,
  { words, ...options }: ExecOptions & { words: readonly string[] },
): Promise<string> {
  const { stdout } = await askCompose(tools, project, { words, ...options });
  return stdout;
}

/** What Compose makes of the files of a project. */
interface ReadConfig {
  /** Variables that the files read and that are set nowhere: Compose warns of each, and takes it for empty. */
  unset: string[];
  ports: HostPort[];
}

export async function readConfig(tools: EngineTools, project: ComposeProject): Promise<ReadConfig> {
  const { stdout, stderr } = await askCompose(tools, project, { words: ['config'] });
  const named = [...stderr.matchAll(/The \\?"?(\w+)\\?"? variable is not set/g)].map(([, name = '']) => name);
  return { unset: [...new Set(named)], ports: portsInConfig(stdout) };
}

async function askCompose(
  tools: EngineTools,
  project: ComposeProject,
  { words, ...options }: ExecOptions & { words: readonly string[] },
): Promise<ExecResult> {
  const files = project.files.flatMap((file) => ['-f', file]);
  const place = ['-p', project.name, '--project-directory', project.directory];
  const program: Argv = (await hasPlugin(tools)) ? ['docker', 'compose'] : ['docker-compose'];
  try {
    return await run(tools, [...program, ...place, ...files, ...words], { cwd: project.directory, ...options });
  } catch (error) {
    if (!hasCode(error, 'HA_TOOL_MISSING')) throw error;
    const message = `${tools.name}: neither "docker compose" nor docker-compose is installed here`;
    throw new AutopilotError('HA_TOOL_MISSING', message, {
      next: 'install one: docker-compose-plugin of Docker’s own packages, or  apt install docker-compose',
    });
  }
}

/** The plugin of the docker command is the newer one. The call does not reach the engine. */
async function hasPlugin(tools: EngineTools): Promise<boolean> {
  try {
    await tools.exec(['docker', 'compose', 'version'], LIMITS);
    return true;
  } catch (error) {
    if (hasCode(error, 'HA_COMMAND_FAILED', 'HA_TOOL_MISSING')) return false;
    throw error;
  }
}

async function run(tools: EngineTools, argv: Argv, options: ExecOptions): Promise<ExecResult> {
  const env = { DOCKER_HOST: `unix://${tools.config.socket}` };
  try {
    return await tools.exec(argv, { ...LIMITS, ...options, env });
  } catch (error) {
    throw engineTrouble(tools, error) ?? error;
  }
}

/** Trouble with the engine itself, as against what was asked of it. */
function engineTrouble({ name, config }: EngineTools, cause: unknown): AutopilotError | undefined {
  if (!hasCode(cause, 'HA_COMMAND_FAILED')) return undefined;
  if (/permission denied/i.test(cause.message) && /docker (daemon|api)/i.test(cause.message)) {
    const message = `${name}: this user may not use Docker’s socket ${config.socket} (permission denied)`;
    const next = 'run the worker as root, or as a member of the group that owns the socket';
    return new AutopilotError('HA_REMOTE_UNREACHABLE', message, { cause, next });
  }
  // Older and newer clients say it in different words.
  if (!/cannot connect to the docker daemon|failed to connect to the docker api/i.test(cause.message)) return undefined;
  const next = 'start Docker (systemctl start docker), or name its socket as `socket` of the service';
  return new AutopilotError('HA_REMOTE_UNREACHABLE', `${name}: no Docker engine answers at ${config.socket}`, {
    cause,
    next,
  });
}

function hasCode(error: unknown, ...codes: AutopilotError['code'][]): error is AutopilotError {
  return error instanceof AutopilotError && codes.includes(error.code);
}
