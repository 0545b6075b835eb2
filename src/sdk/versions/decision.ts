/** What a person decides of a version: skip it, take it, or stay at it. */
import { z } from 'zod';
import { readReference } from '#sdk/registry/reference.ts';
import { parseTag } from '#sdk/versions/tag.ts';

/** A tag, or a digest (or the beginning of one) where the tag itself moves. */
export const ImageVersion = z
  .string()
  .refine((text) => /^sha256:[0-9a-f]{12,64}$/.test(text) || readReference(`name:${text}`)?.tag === text, {
    message: 'neither a tag nor a digest that begins with sha256: and has 12 more characters at least',
  });

/** The version of a program that is not made of images, such as a Debian package; of several packages with `_` between. */
const ProgramVersion = z.string().regex(/^[0-9][A-Za-z0-9.+:~_-]{0,255}$/);

export const DecidedVersion = z.union([ImageVersion, ProgramVersion], {
  error: 'neither a tag nor a digest that begins with sha256: and has 12 more characters at least',
});

/** What a person has decided of a version. The newest word on it counts. */
export const Decision = z.object({
  service: z.string(),
  /** The part of the service that runs the image; null: whichever. */
  image: z.string().nullable(),
  decision: z.enum(['skip', 'pin', 'approve']),
  version: DecidedVersion,
  at: z.iso.datetime(),
});
export type Decision = z.output<typeof Decision>;

/** What stands for the version that runs: its tag, or its digest where the tag says nothing. */
export function versionToPin({ tag, digest }: { tag: string | null; digest: string | null }): string | null {
  return tag !== null && parseTag(tag) !== undefined ? tag : digest;
}
