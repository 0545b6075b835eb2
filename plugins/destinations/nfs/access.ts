/** Every access to the share: a child process with a time limit, since the kernel may hold whoever asks a NAS that is away. */
import { formatDuration } from '#kernel/duration.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { milliseconds } from '#sdk/duration.ts';
import type { Argv, ExecOptions, ExecResult } from '#sdk/tools.ts';
import type { NfsTools } from './index.ts';

/** Runs a command that touches the share. Exit status 1 is told, not thrown, where the caller allows it. */
export async function access(
  tools: NfsTools,
  argv: Argv,
  options: Pick<ExecOptions, 'input' | 'okCodes'> = {},
): Promise<ExecResult> {
  try {
    return await tools.exec(argv, { ...options, timeoutMs: milliseconds(tools.config.timeout), priority: 'normal' });
  } catch (error) {
    throw shareError(tools, error);
  }
}

/** What a command prints, in pieces, each within the time limit. */
export async function* output(tools: NfsTools, argv: Argv): AsyncGenerator<Buffer, void, undefined> {
  const child = tools.spawn(argv, { stdout: 'pipe', priority: 'normal' });
  const pieces = child.stdout?.[Symbol.asyncIterator]() as AsyncIterator<Buffer> | undefined;
  if (pieces === undefined) return;
  try {
    for (;;) {
      const next = await within(tools, pieces.next());
      if (next.done === true) break;
      yield next.value;
    }
    await within(tools, child.done);
  } catch (error) {
    tools.signal.throwIfAborted();
    throw shareError(tools, error);
  } finally {
    child.kill();
  }
}

export async function collect(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

export function isMissing(stderr: string): boolean {
  return /No such file or directory|Not a directory/.test(stderr);
}

async function within<T>(tools: NfsTools, work: Promise<T>): Promise<T> {
  const limit = Promise.withResolvers<never>();
  const timer = setTimeout(() => limit.reject(away(tools)), milliseconds(tools.config.timeout));
  work.catch(() => undefined);
  try {
    return await Promise.race([work, limit.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function away({ name, config }: NfsTools, cause?: unknown): AutopilotError {
  const limit = formatDuration(milliseconds(config.timeout));
  return new AutopilotError(
    'HA_REMOTE_UNREACHABLE',
    `${name}: ${config.path} did not answer within ${limit}; whether the last change happened is not known`,
    { cause, next: 'see whether the NAS is on and the network works, and mount the share anew' },
  );
}

interface Reason {
  pattern: RegExp;
  code: 'HA_NO_SPACE' | 'HA_REMOTE_UNREACHABLE' | 'HA_DESTINATION_UNUSABLE';
  next: string;
}

const REASONS: readonly Reason[] = [
  {
    pattern: /No space left on device|Disk quota exceeded/,
    code: 'HA_NO_SPACE',
    next: 'free some room there, or keep fewer sets',
  },
  {
    pattern: /Stale file handle|Transport endpoint is not connected|Connection timed out|Host is down|No route to host/,
    code: 'HA_REMOTE_UNREACHABLE',
    next: 'see whether the NAS is on, and mount the share anew',
  },
  {
    pattern: /Permission denied|Read-only file system|Operation not permitted/,
    code: 'HA_DESTINATION_UNUSABLE',
    next: 'correct the rights of the export',
  },
  {
    pattern: /Input\/output error/,
    code: 'HA_REMOTE_UNREACHABLE',
    next: 'see whether the NAS is on and its disks are well',
  },
];

/** Of a command whose failure was looked at: its own words decide what it is and what can be done. */
export function failed({ name }: NfsTools, what: string, stderr: string): AutopilotError {
  const { code = 'HA_DESTINATION_UNUSABLE', next = 'see that the share is mounted, and its rights' } =
    reasonIn(stderr) ?? {};
  return new AutopilotError(code, `${name}: ${what} (${stderr.trim()})`, { next });
}

/** What is not known stays a failed command. */
function shareError(tools: NfsTools, error: unknown): unknown {
  if (!(error instanceof AutopilotError)) return error;
  if (error.code === 'HA_COMMAND_TIMEOUT') return away(tools, error);
  if (error.code !== 'HA_COMMAND_FAILED') return error;
  const found = reasonIn(error.message);
  if (found === undefined) return error;
  const { pattern, code, next } = found;
  const reason = pattern.exec(error.message)?.[0] ?? '';
  return new AutopilotError(code, `${tools.name}: ${tools.config.path}: ${reason}`, { cause: error, next });
}

function reasonIn(words: string): Reason | undefined {
  return REASONS.find(({ pattern }) => pattern.test(words));
}
