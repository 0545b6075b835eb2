/** A key for one set, by which it is read back before it counts as whole: also where nobody has the identity. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WORK_FILES } from '#archive/places.ts';
import { AutopilotError } from '#kernel/errors.ts';
import type { Tools } from '#sdk/tools.ts';

/**
 * Makes it in the directory of a set that is being captured. It goes when the set is sealed; who could read it there could
 * read the data itself.
 * @returns its recipient.
 */
export async function makeOneTimeKey(tools: Pick<Tools, 'exec'>, directory: string): Promise<string> {
  // To a file: what a command prints goes into the log of its step.
  const { stderr } = await tools.exec(['age-keygen', '--output', join(directory, WORK_FILES.key)]);
  const recipient = /age1[a-z0-9]+/.exec(stderr)?.[0];
  if (recipient === undefined)
    throw new AutopilotError('HA_BAD_OUTPUT', 'age-keygen does not tell the key that it made');
  return recipient;
}

export async function readOneTimeKey(directory: string): Promise<string> {
  const lines = (await readFile(join(directory, WORK_FILES.key), 'utf8')).split('\n');
  return lines.find((line) => line.startsWith('AGE-SECRET-KEY-')) ?? '';
}
