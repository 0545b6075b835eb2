/** Runs rclone: without questions, with an end to every wait, and with its words told as what they mean for a copy. */
import { AutopilotError } from '#kernel/errors.ts';
import { milliseconds } from '#sdk/duration.ts';
import { bytesPerSecond } from '#sdk/rate.ts';
import type { Argv, ExecOptions, SpawnOptions } from '#sdk/tools.ts';
import type { RcloneTools } from './index.ts';

/** The place of a path at the remote, as a word for rclone. It begins with the remote's name, so it is no option. */
export function at({ config: { remote } }: RcloneTools, path: string): string {
  if (path === '') return remote;
  return remote.endsWith(':') || remote.endsWith('/') ? `${remote}${path}` : `${remote}/${path}`;
}

export async function rclone(
  tools: RcloneTools,
  words: Argv,
  options: Pick<ExecOptions, 'input'> = {},
): Promise<string> {
  try {
    return (await tools.exec(argvOf(tools, words), { ...options, env: await environment(tools) })).stdout;
  } catch (error) {
    throw rcloneError(tools, error);
  }
}

/** What it prints, piece by piece. */
export async function* output(tools: RcloneTools, words: Argv): AsyncGenerator<Buffer, void, undefined> {
  const child = tools.spawn(argvOf(tools, words), { stdout: 'pipe', env: await environment(tools) });
  try {
    if (child.stdout !== null) yield* child.stdout as AsyncIterable<Buffer>;
    await child.done;
  } catch (error) {
    tools.signal.throwIfAborted();
    throw rcloneError(tools, error);
  } finally {
    child.kill();
  }
}

/** Like `rclone`, and tells of every line that it logs meanwhile. */
export async function logged(tools: RcloneTools, words: Argv, onLine: (line: string) => void): Promise<void> {
  const options: SpawnOptions = { stdout: 'ignore', env: await environment(tools), onStderr: onLine };
  try {
    await tools.spawn(argvOf(tools, words), options).done;
  } catch (error) {
    tools.signal.throwIfAborted();
    throw rcloneError(tools, error);
  }
}

/** Undefined instead of the error that something is not there. */
export async function unlessMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AutopilotError && error.code === 'HA_NOT_FOUND') return undefined;
    throw error;
  }
}

function argvOf({ config }: RcloneTools, [command, ...words]: Argv): Argv {
  const seconds = `${Math.max(1, Math.round(milliseconds(config.timeout) / 1000))}s`;
  const limit = config.bandwidth_limit;
  return [
    'rclone',
    command,
    ...(config.config_file === undefined ? [] : [`--config=${config.config_file}`]),
    ...(limit === undefined ? [] : [`--bwlimit=${bytesPerSecond(limit)}B`]),
    '--ask-password=false',
    `--contimeout=${seconds}`,
    `--timeout=${seconds}`,
    // The engine tries again, and says so.
    '--retries=1',
    '--low-level-retries=2',
    ...words,
  ];
}

/** The password is in no command line, where everybody could read it. */
async function environment({ config, secret }: RcloneTools): Promise<Record<string, string>> {
  return config.config_password === undefined ? {} : { RCLONE_CONFIG_PASS: await secret(config.config_password) };
}

const MEANINGS: readonly (readonly [
  RegExp,
  'HA_CONFIG_INVALID' | 'HA_NO_SPACE' | 'HA_DESTINATION_UNUSABLE',
  string,
])[] = [
  [
    /didn't find section in config file|config file .* not found/i,
    'HA_CONFIG_INVALID',
    'see the remotes with  rclone listremotes',
  ],
  [
    /password.*(wrong|decrypt|config)|decrypt.*config/i,
    'HA_CONFIG_INVALID',
    'give the password of rclone’s configuration as config_password_file',
  ],
  [
    /no space left|remaining disk space|disk quota|quota ?exceeded|insufficient ?storage|storage ?full/i,
    'HA_NO_SPACE',
    'free some room there, or keep fewer sets with backup.retention',
  ],
  [
    /access ?denied|permission denied|forbidden|unauthorized|invalid_grant|signaturedoesnotmatch|invalidaccesskey|token expired|\b40[13]\b/i,
    'HA_DESTINATION_UNUSABLE',
    'try it with  rclone lsd REMOTE:  and renew the login with  rclone config reconnect REMOTE:',
  ],
];

const MISSING = /directory not found|object not found|doesn't exist|no such file or directory/i;

/** What is not known may be the line; the engine tries that again, and whoever tries again looks first. */
function rcloneError(tools: RcloneTools, error: unknown): unknown {
  if (!(error instanceof AutopilotError) || error.code !== 'HA_COMMAND_FAILED') return error;
  const last = error.message.trimEnd().split('\n').at(-1) ?? '';
  const reason = last.replace(/^.*exit status \d+: /, '').replace(/^\d{4}\/\d\d\/\d\d [\d:]+ /, '');
  const told = `${tools.name}: ${tools.config.remote}: ${reason}`;
  const found = MEANINGS.find(([pattern]) => pattern.test(reason));
  if (found !== undefined) return new AutopilotError(found[1], told, { cause: error, next: found[2] });
  if (MISSING.test(reason)) return new AutopilotError('HA_NOT_FOUND', told, { cause: error });
  return new AutopilotError('HA_REMOTE_UNREACHABLE', `${told}; whether the last change happened is not known`, {
    cause: error,
    next: 'see whether the remote can be reached; what was under way is looked at when it is tried again',
  });
}
