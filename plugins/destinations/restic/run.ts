/** Runs restic, with its words told as what they mean for a copy. */
import type { Argv, SpawnOptions } from '#sdk/tools.ts';
import type { Repository } from './access.ts';
import { isHelperSilent, resticError } from './errors.ts';

export interface Options extends Pick<SpawnOptions, 'cwd'> {
  /** For its standard input. */
  input?: string;
}

/** Its reason comes first, or after lines that tell of new tries; then there may be a trace of its calls. */
const TOLD_LINES = 200;

/** restic may end before it has passed on why its helper did. Nothing was done by then. */
const ATTEMPTS = 3;

/** What it prints, piece by piece. Who stops to listen stops it. */
export async function* output(
  repository: Repository,
  words: Argv,
  options: Options = {},
): AsyncGenerator<Buffer, void, undefined> {
  const { tools } = repository;
  for (let attempt = 1; ; attempt++) {
    const said: string[] = [];
    try {
      return yield* attempted(repository, words, { ...options, said });
    } catch (error) {
      tools.signal.throwIfAborted();
      if (attempt >= ATTEMPTS || !isHelperSilent(said)) throw resticError(tools, error, said);
    }
  }
}

async function* attempted(
  { tools, environment, options: general }: Repository,
  [command, ...words]: Argv,
  { input, said, ...options }: Options & { said: string[] },
): AsyncGenerator<Buffer, void, undefined> {
  const child = tools.spawn(['restic', command, ...general, ...words], {
    ...options,
    stdin: input === undefined ? 'ignore' : 'pipe',
    stdout: 'pipe',
    env: environment,
    onStderr: (line) => void (said.length < TOLD_LINES && said.push(line)),
  });
  child.stdin?.end(input);
  try {
    if (child.stdout !== null) yield* child.stdout as AsyncIterable<Buffer>;
    await child.done;
  } finally {
    child.kill();
  }
}

/** The same, line by line. */
export async function* outputLines(
  repository: Repository,
  words: Argv,
  options: Options = {},
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of output(repository, words, options)) {
    const lines = `${rest}${decoder.decode(piece, { stream: true })}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
