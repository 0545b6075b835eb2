/** What the product itself does with backup sets, as the plugin of the archive kind. */
import { z } from 'zod';
import { capture } from '#archive/capture.ts';
import { compare } from '#archive/compare.ts';
import { copy, verifyCopy } from '#archive/copy.ts';
import { attest, unpack } from '#archive/drill.ts';
import { dump, load } from '#archive/dumps.ts';
import { removeStaging, stagingPlace } from '#archive/places.ts';
import { preflight } from '#archive/preflight.ts';
import { checkRestore, recall, restore, setAside } from '#archive/put-back.ts';
import { retain } from '#archive/retain.ts';
import { reseal, seal } from '#archive/seal.ts';
import { stagingFull } from '#archive/tar/report.ts';
import { weigh } from '#archive/weigh.ts';
import { AutopilotError, systemCode } from '#kernel/errors.ts';
import { archive } from '#sdk/kinds/archive.ts';

export const plugin = archive.define({
  id: 'archive',
  title: 'Backup sets',
  config: z.object({}),
  actions: {
    preflight,
    dump: async (tools, input) => await inStaging(async () => await dump(tools, input)),
    capture: async (tools, input) => await inStaging(async () => await capture(tools, input)),
    seal: async (tools, input) => await inStaging(async () => await seal(tools, input)),
    reseal,
    copy,
    verifyCopy,
    retain,
    recall,
    checkRestore,
    weigh,
    restore,
    load,
    setAside,
    unpack: async (tools, input) => await inStaging(async () => await unpack(tools, input)),
    compare,
    attest,
    async discard(tools, { set }) {
      await removeStaging(stagingPlace(tools.stateDir, set));
      return {};
    },
  },
});

/** Our own writes to the staging directory meet a full disk as well, not only those of tar. */
async function inStaging<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AutopilotError || !FULL.has(systemCode(error) ?? '')) throw error;
    throw stagingFull(error);
  }
}

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);
