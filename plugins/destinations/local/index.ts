/** A directory of this machine as a destination: a second disk, a USB drive, anything that is mounted. */

import { mkdir, rename, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { flush, renameDurably } from '#kernel/durable.ts';
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';
import { faultPoint } from '#kernel/fault.ts';
import { destination, SET_ID, type SetSummary } from '#sdk/kinds/destination.ts';
import { isPathComponent, summaryOf } from '#sdk/sets.ts';
import type { Tools } from '#sdk/tools.ts';
import { refuseInside, requirePlace } from './place.ts';
import * as folder from './set-folder.ts';

const Config = z.object({
  path: z
    .string()
    .startsWith('/')
    .describe('Directory that holds the sets, as <path>/<service>/<set>/')
    .meta({ path: true }),
  require_mount: z
    .boolean()
    .default(false)
    .describe('Refuse when nothing is mounted at the path or above it: the disk is away then'),
});
type Config = z.output<typeof Config>;
export type LocalTools = Tools<Config>;

export const plugin = destination.define({
  id: 'local',
  title: 'Local directory',
  config: Config,
  actions: {
    async check(tools, { sources }) {
      await refuseInside(tools, sources);
      await requirePlace(tools, 'write');
      const { bavail, bsize } = await statfs(tools.config.path);
      return { freeBytes: bavail * bsize, detail: tools.config.path };
    },

    async store(tools, { service, set, directory }) {
      await requirePlace(tools, 'write');
      const there = places(tools, service, set);
      const existing = await holdsOurs(there.whole, { service, set });
      await folder.removeOurs(tools, there.partial);
      await mkdir(there.partial, { recursive: true, mode: 0o700 });
      try {
        const bytes = await folder.copyParts(tools, set, { from: directory, to: there.partial });
        await flush(there.partial);
        tools.signal.throwIfAborted();
        if (existing) await setAside(tools, there);
        faultPoint('copy.before-rename');
        tools.signal.throwIfAborted();
        await renameDurably(there.partial, there.whole);
        await folder.removeOurs(tools, there.replaced);
        return { bytes };
      } catch (error) {
        await folder.removeOurs(tools, there.partial);
        throw storeError(tools, error);
      }
    },

    async list(tools, { service }) {
      await requirePlace(tools, 'read');
      const services = service === undefined ? await folder.names(tools.config.path) : [checkedName(service)];
      const sets: SetSummary[] = [];
      const unreadable: { path: string; reason: string }[] = [];
      for (const name of services.filter(isPathComponent)) {
        for (const set of await folder.names(join(tools.config.path, name))) {
          const path = join(tools.config.path, name, set);
          try {
            const header = SET_ID.safeParse(set).success ? await folder.headerIn(path, set) : undefined;
            if (header?.service !== name) continue;
            const annotations = await folder.readAnnotations(path);
            sets.push(summaryOf(header, { sizeBytes: await folder.sizeOf(path, header), annotations }));
          } catch (error) {
            unreadable.push({ path, reason: errorText(error) });
          }
        }
      }
      return { sets: sets.toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1)), unreadable };
    },

    async open(tools, { service, set }) {
      const { whole } = await requireSet(tools, service, set);
      return { directory: whole, temporary: false };
    },

    async annotate(tools, { service, set, verifiedAt, pinned }) {
      await requirePlace(tools, 'write');
      const { whole } = await requireSet(tools, service, set);
      await folder.annotate(whole, {
        ...(verifiedAt === undefined ? {} : { verifiedAt }),
        ...(pinned === undefined ? {} : { pinned }),
      });
      return {};
    },

    async remove(tools, { service, set }) {
      await requirePlace(tools, 'write');
      return { removed: await removeSet(tools, { service, set }) };
    },
  },
});

interface Places {
  whole: string;
  /** While it is copied, and again while it is removed: a half set never has the name of a whole one. */
  partial: string;
  /** An earlier copy of the same set, until the new one has its name. */
  replaced: string;
}

function places({ config }: LocalTools, service: string, set: string): Places {
  const id = SET_ID.parse(set);
  const parent = join(config.path, checkedName(service));
  return {
    whole: join(parent, id),
    partial: join(parent, `.partial-${id}`),
    replaced: join(parent, `.replaced-${id}`),
  };
}

function checkedName(service: string): string {
  if (isPathComponent(service)) return service;
  throw new AutopilotError('HA_USAGE', `${JSON.stringify(service)} cannot be the name of a directory`);
}

async function requireSet(tools: LocalTools, service: string, set: string): Promise<Places> {
  await requirePlace(tools, 'read');
  const found = places(tools, service, set);
  const header = await folder.headerIn(found.whole, set);
  if (header?.service === service) return found;
  throw new AutopilotError('HA_NOT_FOUND', `${tools.name} has no set ${set} of ${service}`, {
    next: `list what is there with  homelab-autopilot backups ${service} --destination ${tools.name}`,
  });
}

/** Nothing is removed but files that we write, from a folder whose manifest says that it is this set of ours. */
async function removeSet(tools: LocalTools, { service, set }: { service: string; set: string }): Promise<boolean> {
  const there = places(tools, service, set);
  const leftOver = [await folder.removeOurs(tools, there.replaced), await folder.removeOurs(tools, there.partial)];
  if (!(await holdsOurs(there.whole, { service, set }))) return leftOver.includes(true);
  tools.signal.throwIfAborted();
  await rename(there.whole, there.partial);
  await folder.removeOurs(tools, there.partial);
  return true;
}

/** Whether the folder is this set of this service; a set of ours with a damaged manifest still counts as ours. */
async function holdsOurs(path: string, { service, set }: { service: string; set: string }): Promise<boolean> {
  try {
    return (await folder.headerIn(path, set))?.service === service;
  } catch (error) {
    if (error instanceof AutopilotError && error.code === 'HA_SET_CORRUPT') return true;
    throw error;
  }
}

/** A copy that is made again replaces the one before, which may have been found damaged. */
async function setAside(tools: LocalTools, { whole, replaced }: Places): Promise<void> {
  await folder.removeOurs(tools, replaced);
  await rename(whole, replaced);
}

function storeError(tools: LocalTools, error: unknown): unknown {
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AutopilotError(
      'HA_NO_SPACE',
      `${tools.name}: ${tools.config.path} is full; the cut-off copy was removed`,
      {
        cause: error,
        next: 'free some room there, or keep fewer sets with backup.retention',
      },
    );
  }
  if (error instanceof AutopilotError || code === undefined) return error;
  return new AutopilotError(
    'HA_DESTINATION_UNUSABLE',
    `${tools.name}: cannot write to ${tools.config.path} (${code})`,
    {
      cause: error,
      next: 'check the disk and its permissions',
    },
  );
}
