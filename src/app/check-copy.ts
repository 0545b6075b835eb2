/** Reads one copy of a set back, every file of it, and says in a sentence what was found. */
import type { CopyCheck } from '#app/backup-types.ts';
import { type Destinations, openCopy, type SetPlace } from '#app/destinations.ts';
import { type LocalWork, withTools } from '#app/local-tools.ts';
import type { SetKey } from '#app/set-key.ts';
import type { Settings } from '#app/settings.ts';
import { verifyParts } from '#archive/checksum.ts';
import { isOutOfReach } from '#archive/encryption/identity.ts';
import { verifySet, verifySummary } from '#archive/verify.ts';
import { AutopilotError, errorFacts, errorText } from '#kernel/errors.ts';
import type { Tools } from '#sdk/tools.ts';

export interface CopyReach {
  settings: Settings;
  destinations: Destinations;
  key: SetKey;
  work: LocalWork;
}

/** Every file, not only the checksums of the parts: whoever asks for this wants to know which file is damaged. */
export async function checkCopy(reach: CopyReach, place: SetPlace): Promise<CopyCheck> {
  const { settings, destinations, key, work } = reach;
  const where = { destination: place.at.name, host: settings.config.global.host };
  try {
    await using copy = await openCopy(destinations, place);
    const { directory } = copy;
    const found = await withTools(settings, work, (tools) => look(tools, { directory, encryption: key }));
    if (found.status === 'verified') await destinations.noteVerified(place, new Date());
    return { ...where, ...found };
  } catch (error) {
    work.signal.throwIfAborted();
    const corrupt = error instanceof AutopilotError && error.code === 'HA_SET_CORRUPT';
    return { ...where, status: corrupt ? 'damaged' : 'unreadable', detail: errorText(error) };
  }
}

type Found = Pick<CopyCheck, 'status' | 'detail'>;

async function look(tools: Tools, set: { directory: string; encryption: SetKey }): Promise<Found> {
  try {
    const report = await verifySet(tools, set);
    return { status: report.ok ? 'verified' : 'damaged', detail: verifySummary(report) };
  } catch (error) {
    if (!isOutOfReach(error)) throw error;
    return await lookFromOutside(tools, set.directory, error);
  }
}

/** Whoever cannot open a copy can still tell whether it is the one that was made. */
async function lookFromOutside(tools: Tools, directory: string, locked: AutopilotError): Promise<Found> {
  const [problem] = (await verifyParts(directory, { signal: tools.signal })).problems;
  if (problem !== undefined) return { status: 'damaged', detail: `${problem.part}: ${problem.reason}` };
  const { message, next } = errorFacts(locked);
  return {
    status: 'unreadable',
    detail: `its checksums match, but nobody has looked into it: ${message}; ${next ?? 'name an identity'}`,
  };
}
