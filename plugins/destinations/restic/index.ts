/** A repository of restic: encrypted, and what two sets have in common is kept once. */

import type { z } from 'zod';
import { destination } from '#sdk/kinds/destination.ts';
import { openSet } from '#sdk/remote/fetch.ts';
import type { Which } from '#sdk/remote/layout.ts';
import { verifySet } from '#sdk/remote/verify.ts';
import type { Tools } from '#sdk/tools.ts';
import { opened, type Repository, withoutLock } from './access.ts';
import { annotateSet } from './annotate.ts';
import { checkRepository, requireLockable } from './check.ts';
import { Config } from './config.ts';
import { isAboutLock, isUnusable } from './errors.ts';
import { snapshotFiles } from './files.ts';
import { removeSet } from './remove.ts';
import { findSet, listSets } from './sets.ts';
import type { Copy } from './snapshots.ts';
import { storeSet } from './store.ts';

export type ResticTools = Tools<z.output<typeof Config>>;

export const plugin = destination.define({
  id: 'restic',
  title: 'Repository of restic',
  config: Config,
  deduplicates: true,
  actions: {
    check: (tools, { sources }) => opened(tools, (repository) => checkRepository(repository, sources)),
    store: (tools, input) => changing(tools, (repository) => storeSet(repository, input)),
    list: (tools, { service }) => opened(tools, (repository) => listSets(withoutLock(repository), { service })),
    open: (tools, input) =>
      opened(tools, async (repository) => {
        const { at, copy } = await findLockedIfPossible(repository, input);
        return await openSet({ tools, files: snapshotFiles(at, copy) }, input);
      }),
    verify: (tools, input) =>
      opened(tools, async (repository) => {
        const held = await findSet(repository, input);
        return await verifySet({ tools, files: snapshotFiles(repository, held?.copy) }, input);
      }),
    annotate: (tools, input) => changing(tools, (repository) => annotateSet(repository, input)),
    remove: (tools, input) => changing(tools, (repository) => removeSet(repository, input)),
  },
});

/** The lock keeps others from tidying up meanwhile. A set is wanted also where none can be had: on a read-only disk. */
async function findLockedIfPossible(
  repository: Repository,
  which: Which,
): Promise<{ at: Repository; copy: Copy | undefined }> {
  try {
    await requireLockable(repository);
    return { at: repository, copy: (await findSet(repository, which, { patient: false }))?.copy };
  } catch (error) {
    if (!isAboutLock(error) && !isUnusable(error)) throw error;
    repository.tools.log.warn('the repository cannot be locked; it is read without a lock', { reason: error.message });
    const at = withoutLock(repository);
    return { at, copy: (await findSet(at, which))?.copy };
  }
}

/** For what changes it. */
async function changing<T>(tools: ResticTools, work: (repository: Repository) => Promise<T>): Promise<T> {
  return await opened(tools, async (repository) => {
    await requireLockable(repository);
    return await work(repository);
  });
}
