/** What the check of versions goes by, and what it finds: both cross the queue between hosts. */
import { z } from 'zod';
import { REASONS } from '#sdk/registry/answer.ts';
import { RegistrySettings } from '#sdk/registry/settings.ts';
import { Decision } from '#sdk/versions/decision.ts';
import { TagFilter } from '#sdk/versions/filter.ts';

export const POLICIES = ['digest', 'patch', 'minor', 'major', 'manual'] as const;
export type Policy = (typeof POLICIES)[number];

export const CheckSettings = z.object({
  policy: z.enum(POLICIES),
  minAgeMs: z.int().nonnegative().describe('How old a version must be'),
  /** For all images, or by the part of the service that runs it. */
  tags: z.union([TagFilter, z.record(z.string(), TagFilter)]).nullable(),
  registries: z.record(z.string(), RegistrySettings),
  decisions: z.array(Decision),
});
export type CheckSettings = z.output<typeof CheckSettings>;

export const ImageVerdict = z.object({
  name: z.string(),
  reference: z.string(),
  current: z.object({ tag: z.string().nullable(), digest: z.string().nullable() }),
  /** `held`: there is something newer, and a reason not to take it now. `unknown`: nobody can say. */
  kind: z.enum(['up_to_date', 'available', 'held', 'unknown']),
  to: z
    .object({
      tag: z.string(),
      /** Null where it was not asked for, because the version is held whatever it is. */
      digest: z.string().nullable(),
      createdAt: z.string().nullable(),
      /** Null where a program tells its versions itself, and no policy applies. */
      level: z.enum(['digest', 'patch', 'minor', 'major']).nullable(),
    })
    .nullable(),
  why: z.string(),
  /** Held by its age alone: from when on it is not. */
  readyAt: z.string().nullable(),
  /** Why it is `unknown`. */
  reason: z.enum([...REASONS, 'invalid_name', 'no_digest']).nullable(),
});
export type ImageVerdict = z.output<typeof ImageVerdict>;
