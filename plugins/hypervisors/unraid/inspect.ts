/** What can be done on an Unraid server with the API key that was given, and what a person should look at. */
import { AutopilotError } from '#kernel/errors.ts';
import type { Capability } from '#sdk/kinds/hypervisor.ts';
import { read, type Unraid } from './api.ts';
import { arrayProblem, arrayWarnings } from './array.ts';
import { isBlind, look, withoutName } from './guests.ts';
import { change, RIGHTS, VERSIONS } from './operations.ts';
import { trySsh } from './snapshots.ts';

export async function inspect(unraid: Unraid) {
  const survey = await look(unraid);
  const [unseen] = survey.unseen;
  // With a key that is not accepted everything below would say the same.
  if (unseen !== undefined && isBlind(survey) && (await arrayProblem(unraid)) === undefined) throw unseen.reason;
  const warnings = survey.unseen.map(({ reason }) => withoutName(unraid, reason));
  /** What this server refuses to tell is a warning, and no reason to tell nothing. */
  const tolerant = async <T>(question: Promise<T>): Promise<T | undefined> => {
    try {
      return await question;
    } catch (error) {
      if (!(error instanceof AutopilotError) || error.code !== 'HA_REMOTE_REFUSED') throw error;
      warnings.push(withoutName(unraid, error));
      return undefined;
    }
  };
  warnings.push(...((await tolerant(arrayWarnings(unraid))) ?? []));
  const versions = (await tolerant(read(unraid, VERSIONS)))?.info.versions.core;
  const power = await powerOf(unraid, warnings);
  const { reason, problems } = await trySsh(unraid);
  if (reason === '') warnings.push(...problems);
  const capabilities: Capability[] = [
    { name: 'list', possible: true, reason: '' },
    { name: 'power', ...power },
    { name: 'snapshot', possible: reason === '', reason },
    { name: 'restore', possible: reason === '', reason },
    { name: 'resources', possible: true, reason: '' },
  ];
  return { version: `Unraid ${versions?.unraid ?? UNTOLD}, API ${versions?.api ?? UNTOLD}`, capabilities, warnings };
}

const UNTOLD = '(version not told)';

/** The key's own rights, as the server tells them; where it does not, that is a warning. */
async function powerOf(unraid: Unraid, warnings: string[]): Promise<Omit<Capability, 'name'>> {
  try {
    const { me } = await read(unraid, RIGHTS);
    const granted = new Set(
      (me.permissions ?? []).flatMap((one) => one.actions.map((does) => `${one.resource}:${does}`)),
    );
    const needed = (['container', 'vm'] as const).map((type) => change(type, 'start').right);
    const lacking = needed.filter((right) => !me.roles.includes('ADMIN') && !granted.has(right));
    const reason = `the API key lacks the right ${lacking.join(' and ')}`;
    if (lacking.length === needed.length) return { possible: false, reason };
    if (lacking.length > 0) warnings.push(`${reason}: such guests cannot be started and stopped`);
  } catch (error) {
    if (!(error instanceof AutopilotError) || error.code !== 'HA_REMOTE_REFUSED') throw error;
    warnings.push(`whether the API key may start and stop guests is not known: ${withoutName(unraid, error)}`);
  }
  return { possible: true, reason: '' };
}
