/** Calls age: the words of its commands, whether an identity fits, and what its complaints mean. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { Argv, Child, Tools } from '#sdk/tools.ts';

/** Reads standard input. Recipients are no secret, so they may stand in the list of processes. */
export function encryptCommand(recipients: readonly string[]): Argv {
  return ['age', '--encrypt', ...recipients.flatMap((one) => ['--recipient', one])];
}

/** The identity comes through standard input: it stands in no file of ours, and in no list of processes. */
function decryptCommand(path: string): Argv {
  return ['age', '--decrypt', '--identity', '-', path];
}

export function decrypting(
  tools: Pick<Tools, 'spawn'>,
  { path, identity }: { path: string; identity: string },
  stdout: number | 'pipe',
): Child {
  const child = tools.spawn(decryptCommand(path), { stdin: 'pipe', stdout });
  child.stdin?.end(`${identity}\n`);
  return child;
}

/**
 * Tries it on a few bytes: whether the identity opens what is encrypted for these recipients.
 * @throws AutopilotError HA_COMMAND_FAILED when it is no identity at all, or one that age would have to ask for.
 */
export async function fits(
  tools: Pick<Tools, 'exec' | 'scratch'>,
  recipients: readonly string[],
  identity: string,
): Promise<boolean> {
  const file = join(await tools.scratch(), `trial-${newId()}.age`);
  await tools.exec([...encryptCommand(recipients), '--output', file], { input: 'trial' });
  try {
    await tools.exec(decryptCommand(file), { input: `${identity}\n` });
    return true;
  } catch (error) {
    if (isNoMatch(error)) return false;
    throw error;
  } finally {
    await rm(file, { force: true });
  }
}

function isNoMatch(error: unknown): boolean {
  return isFailure(error) && /no identity matched|did not match any of the recipients/.test(error.message);
}

/** A command that ended badly by itself, and not because we stopped it. */
export function isFailure(error: unknown): error is AutopilotError {
  return error instanceof AutopilotError && error.code === 'HA_COMMAND_FAILED';
}

/** `malformed secret key`, of `age failed with exit status 1: age: error: malformed secret key` and a hint. */
export function complaint(error: unknown): string {
  const text = errorText(error);
  return /age: error: (.*)/.exec(text)?.[1] ?? text;
}
