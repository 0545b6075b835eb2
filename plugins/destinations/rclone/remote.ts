/** The remote as a whole: whether its path is there, can be written to, and what it can tell. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import { at, rclone, unlessMissing } from './command.ts';
import type { RcloneTools } from './index.ts';

/** It is never made: a mistyped bucket would be a new one, and a missing directory may be a disk that is away. */
export async function requireRemote(tools: RcloneTools): Promise<void> {
  const listed = await unlessMissing(() => rclone(tools, ['lsf', '--max-depth=1', '--dirs-only', '--', at(tools, '')]));
  if (listed !== undefined) return;
  const { remote } = tools.config;
  throw new AutopilotError('HA_DESTINATION_UNUSABLE', `${tools.name}: ${remote} is not there`, {
    next: `correct the path, or make it once:  rclone mkdir ${remote}`,
  });
}

export async function tryToWrite(tools: RcloneTools): Promise<void> {
  const probe = at(tools, `.autopilot-probe-${newId()}`);
  await rclone(tools, ['rcat', '--', probe], { input: 'probe' });
  await rclone(tools, ['deletefile', '--', probe]);
}

const About = z.object({ free: z.number().nonnegative().optional() });

/** Null where the remote does not tell. */
export async function freeBytes(tools: RcloneTools): Promise<number | null> {
  try {
    return About.parse(JSON.parse(await rclone(tools, ['about', '--json', '--', at(tools, '')]))).free ?? null;
  } catch (error) {
    tools.signal.throwIfAborted();
    tools.log.debug('the remote does not tell its free room', { reason: String(error) });
    return null;
  }
}

const Features = z.object({ Hashes: z.array(z.string()).nullish() });

export async function requireServerSums(tools: RcloneTools): Promise<void> {
  const text = await rclone(tools, ['backend', 'features', at(tools, '')]);
  if (Features.parse(JSON.parse(text)).Hashes?.includes('sha256') === true) return;
  throw new AutopilotError('HA_CONFIG_INVALID', `${tools.name}: ${tools.config.remote} tells no SHA-256 of its files`, {
    next: 'leave verify_by out; copies are read back then',
  });
}
