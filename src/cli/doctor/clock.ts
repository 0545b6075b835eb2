/** Whether the clock can be right: schedules and retention go by it. */
import { stat } from 'node:fs/promises';
import { execa } from 'execa';
import { broken, ok, warning } from '#cli/doctor/finding.ts';
import type { Finding } from '#cli/ports.ts';
import { lookUpTool } from '#host/find-tool.ts';

const ANSWER_MS = 5_000;
const SYNC = 'turn time synchronisation on:  timedatectl set-ntp true';

export async function clockFinding(options: { now: Date; path: string; zone: string }): Promise<Finding> {
  const { now, path, zone } = options;
  const shown = `${now.toLocaleString('sv-SE', { timeZone: zone })} ${zone}`;
  // We cannot have been installed after now.
  const installed = (await stat(new URL('../../../package.json', import.meta.url))).mtime;
  if (now < installed) return broken('clock', `${shown} is before this program was installed`, SYNC);
  return (await isSynchronised(path)) === false
    ? warning('clock', `${shown}, not synchronised`, SYNC)
    : ok('clock', shown);
}

/** Undefined where nobody can tell: in a container the host keeps the time. */
async function isSynchronised(path: string): Promise<boolean | undefined> {
  const program = lookUpTool('timedatectl', { path });
  if (program === undefined) return undefined;
  try {
    const { stdout } = await execa(program, ['show', '--property=NTPSynchronized', '--value'], { timeout: ANSWER_MS });
    return stdout.trim() === 'yes';
  } catch {
    return undefined;
  }
}
