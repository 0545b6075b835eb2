/** Asks a program that keeps credentials for Docker: `docker-credential-NAME get`, with the registry on its input. */
import { z } from 'zod';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { jsonIn } from '#kernel/json.ts';
import { RegistryFailure } from '#sdk/registry/answer.ts';
import type { Credentials, RegistryTools } from '#sdk/registry/settings.ts';
import type { Argv } from '#sdk/tools.ts';

export interface HelperAsk {
  /** The end of the program's name, as Docker's file has it. */
  helper: string;
  /** The registry as `docker login` calls it. */
  registry: string;
  /** Docker's file, for messages. */
  file: string;
}

/** Helpers that ask a cloud take seconds; one that waits for somebody to unlock something waits for ever. */
const ANSWER_MS = 20_000;

/** It is looked for in PATH: a name with a slash in it would be a program of anybody's. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** https://github.com/docker/docker-credential-helpers: what a helper prints, with status 1, about what it does not have. */
const NOTHING = 'credentials not found in native keychain';

const Kept = z.object({ Username: z.string(), Secret: z.string() });

/** In the place of a user: the secret is a token of identity. */
const TOKEN = '<token>';

/**
 * @returns null: the helper has nothing for this registry, so we ask as anybody, as Docker does.
 * @throws RegistryFailure when it cannot be asked or does not answer: asking as anybody would mislead.
 */
export async function askHelper(
  tools: RegistryTools,
  ask: HelperAsk,
  limitMs = ANSWER_MS,
): Promise<Credentials | null> {
  const program = `docker-credential-${ask.helper}`;
  if (!NAME.test(ask.helper)) {
    throw failure(ask, `${ask.file} names the helper "${ask.helper}", which is not the name of a program`);
  }
  const { code, stdout } = await run(tools, ask, { argv: [program, 'get'], limitMs });
  const said = stdout.trim();
  if (code !== 0 && said === NOTHING) return null;
  if (code !== 0) throw failure(ask, `${program} refused${reasonIn(said)}`);
  const kept = Kept.safeParse(jsonIn(said));
  if (!kept.success) throw failure(ask, `${program} answered with something else than credentials`);
  const { Username: username, Secret: secret } = kept.data;
  tools.mask(secret);
  if (username === '' && secret === '') return null;
  if (username === TOKEN) return { kind: 'token', token: secret, from: program };
  return { kind: 'password', username, password: secret, from: program };
}

async function run(
  tools: RegistryTools,
  ask: HelperAsk,
  { argv, limitMs }: { argv: Argv; limitMs: number },
): Promise<{ code: number; stdout: string }> {
  try {
    const options = { okCodes: [0, 1], priority: 'normal', isSecret: true } as const;
    return await tools.exec(argv, { input: ask.registry, timeoutMs: limitMs, ...options });
  } catch (cause) {
    tools.signal.throwIfAborted();
    if (!(cause instanceof AutopilotError)) throw cause;
    throw failure(ask, errorText(cause), cause);
  }
}

/** What it says about itself is one line; whatever looks like an answer is not quoted. */
function reasonIn(said: string): string {
  const [line = ''] = said.split('\n');
  return line === '' || line.includes('{') ? '' : `: ${line.slice(0, 200)}`;
}

function failure({ registry, file }: HelperAsk, why: string, cause?: unknown): RegistryFailure {
  const next = `make the helper work for this user, take it out of ${file}, or name username and password under  updates.registries`;
  return new RegistryFailure('unauthorized', `the credentials of ${registry} cannot be had: ${why}; ${next}`, {
    cause,
  });
}
