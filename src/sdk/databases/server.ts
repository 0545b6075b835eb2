/** A database server within reach: its tools are run in its container, or on this host. */
import { AutopilotError } from '#kernel/errors.ts';
import type { DatabaseEntry, ServerEntry } from '#sdk/databases/entry.ts';
import type { Command } from '#sdk/databases/stream.ts';
import { milliseconds } from '#sdk/duration.ts';
import type { SecretRef } from '#sdk/secret.ts';
import type { Argv, Tools } from '#sdk/tools.ts';

export type DatabaseTools = Pick<Tools, 'exec' | 'spawn' | 'signal' | 'progress' | 'scratch' | 'secret' | 'log'>;

/** The container that a server runs in. */
export interface ContainerReach {
  /** As the user calls it. */
  name: string;
  /** Name or id, as Docker takes it. */
  id: string;
  socket: string;
}

/** What a plugin knows of where its databases are. */
export interface Surroundings {
  /** @throws AutopilotError HA_NOT_FOUND when it does not run. */
  container(name: string): Promise<ContainerReach>;
  /** The absolute path of a file that may be written relative. */
  file(path: string): string;
}

export interface Server<E extends ServerEntry = ServerEntry> {
  tools: DatabaseTools;
  entry: E;
  container: ContainerReach | null;
  /** `container db`, `127.0.0.1:5432`, `/run/postgresql` */
  place: string;
  timeoutMs: number;
  /** Environment variables with the password; empty without one. */
  secrets: Record<string, string>;
  run(argv: Argv): Command;
}

/** Variables in which the tools of each vendor look for a password, so that it is in no list of processes. */
const PASSWORD_IN: Record<ServerEntry['type'], readonly string[]> = {
  postgresql: ['PGPASSWORD'],
  mariadb: ['MYSQL_PWD'],
  mysql: ['MYSQL_PWD'],
  // None of its own: mongodb.ts makes settings of it for each of its programs.
  mongodb: ['AUTOPILOT_PASSWORD'],
  redis: ['REDISCLI_AUTH'],
  valkey: ['REDISCLI_AUTH', 'VALKEYCLI_AUTH'],
};

export async function reach<E extends ServerEntry>(
  tools: DatabaseTools,
  entry: E,
  around: Surroundings,
): Promise<Server<E>> {
  const container = entry.container === undefined ? null : await around.container(entry.container);
  const secrets = await secretsOf(tools, entry.type, entry.password);
  return {
    tools,
    entry,
    container,
    place: placeOf(entry),
    timeoutMs: milliseconds(entry.timeout),
    secrets,
    run: (argv) => (container === null ? here(entry, argv, secrets) : inContainer(entry, container, { argv, secrets })),
  };
}

async function secretsOf(
  tools: DatabaseTools,
  type: ServerEntry['type'],
  password: SecretRef | undefined,
): Promise<Record<string, string>> {
  if (password === undefined) return {};
  const value = await tools.secret(password);
  // A line of YAML, quoted as in JSON, so that no sign of a password means anything there.
  const settings = type === 'mongodb' ? { AUTOPILOT_SETTINGS: `password: ${JSON.stringify(value)}` } : {};
  return { ...Object.fromEntries(PASSWORD_IN[type].map((name) => [name, value])), ...settings };
}

export function placeOf(entry: DatabaseEntry): string {
  if (entry.type === 'sqlite') return 'file';
  if (entry.container !== undefined) return `container ${entry.container}`;
  if (entry.socket !== undefined) return entry.socket;
  const port = entry.port === undefined ? '' : `:${entry.port}`;
  return entry.host === undefined ? `local socket${port}` : `${entry.host}${port}`;
}

function here(entry: ServerEntry, argv: Argv, secrets: Record<string, string>): Command {
  if (entry.run_as === undefined) return { argv, env: secrets };
  return { argv: ['runuser', '-u', entry.run_as, '--', ...argv], env: secrets };
}

/** For the command line of Docker. */
export function dockerEnv({ socket }: Pick<ContainerReach, 'socket'>): { DOCKER_HOST: string } {
  return { DOCKER_HOST: `unix://${socket}` };
}

/** A variable without a value is handed on from our side, so that its value is in no list of processes either. */
function inContainer(
  { run_as: user }: ServerEntry,
  { id, socket }: ContainerReach,
  { argv, secrets }: { argv: Argv; secrets: Record<string, string> },
): Command {
  const variables = Object.keys(secrets).flatMap((name) => ['--env', name]);
  const as = user === undefined ? [] : ['--user', user];
  return {
    argv: ['docker', 'exec', '--interactive', ...variables, '--env', 'LC_ALL=C', ...as, id, ...argv],
    env: { ...secrets, ...dockerEnv({ socket }) },
  };
}

/** Runs a short question and gives what it printed. Fails with what the tool says, and where. */
export async function ask(server: Server, argv: Argv, input?: string): Promise<string> {
  const { argv: words, env } = server.run(argv);
  try {
    const { stdout } = await server.tools.exec(words, {
      timeoutMs: Math.min(server.timeoutMs, 120_000),
      priority: 'normal',
      ...(env === undefined ? {} : { env }),
      ...(input === undefined ? {} : { input }),
    });
    return stdout.trim();
  } catch (error) {
    throw unanswered(server, error, argv[0]);
  }
}

/** In words of the database and not of Docker. */
export function unanswered({ entry, place, container }: Server, cause: unknown, program: string): unknown {
  if (!(cause instanceof AutopilotError)) return cause;
  const missing = /executable file not found|no such file or directory/i.test(cause.message) && container !== null;
  if (cause.code === 'HA_TOOL_MISSING' || missing) {
    const where = container === null ? 'on this host' : `in ${place}`;
    return new AutopilotError('HA_TOOL_MISSING', `${entry.type} at ${place}: there is no ${program} ${where}`, {
      cause,
      next: container === null ? `install the client programs of ${entry.type}` : 'name the container of the server',
    });
  }
  if (cause.code !== 'HA_COMMAND_FAILED') return cause;
  return new AutopilotError('HA_COMMAND_FAILED', `${entry.type} at ${place}: ${cause.message}`, {
    cause,
    next: 'see that the server runs and that user, password and place in backup.databases are right',
  });
}
