/** The types of the archive actions, by name. */
import type { z } from 'zod';
import type { archive } from '#sdk/kinds/archive.ts';

type ArchiveActions = (typeof archive)['actions'];

export type ArchiveInput<K extends keyof ArchiveActions> = z.output<ArchiveActions[K]['input']>;
export type ArchiveOutput<K extends keyof ArchiveActions> = z.input<ArchiveActions[K]['output']>;
