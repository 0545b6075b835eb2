/** What a snapshot says of the set in it, as tags: all that a list needs, without reading the set. */
import { z } from 'zod';
import { SET_ID, SetPurpose } from '#sdk/kinds/destination.ts';
import type { SetHeader } from '#sdk/sets.ts';

/** On snapshots that are a whole set. */
export const SET_TAG = 'homelab-autopilot';
/** On snapshots that only note something of such a one. */
export const NOTE_TAG = 'homelab-autopilot-note';

const Count = z.coerce.number().int().nonnegative();

const SetFacts = z.object({
  set: SET_ID,
  service: z.string(),
  run: z.string(),
  created: z.iso.datetime(),
  size: Count,
  content: Count,
  files: Count,
  purpose: SetPurpose,
});
export type SetFacts = z.output<typeof SetFacts>;

const NoteFacts = z.object({
  set: SET_ID,
  service: z.string(),
  copy: z.string().regex(/^[0-9a-f]{64}$/),
  verified: z.iso.datetime().optional(),
  pinned: z.enum(['yes', 'no']).optional(),
  removed: z.literal('yes').optional(),
});
export type NoteFacts = z.output<typeof NoteFacts>;

/** By which sets and notes are found. */
export function which({ service, set }: { service?: string | undefined; set?: string | undefined }): string[] {
  return [...(service === undefined ? [] : [tag('service', service)]), ...(set === undefined ? [] : [tag('set', set)])];
}

export function setTags(header: SetHeader, sizeBytes: number): string[] {
  const facts: Record<keyof SetFacts, string> = {
    service: header.service,
    set: header.set,
    run: header.run,
    created: header.createdAt,
    size: String(sizeBytes),
    content: String(header.counts.contentBytes),
    files: String(header.counts.files),
    purpose: header.purpose,
  };
  return [SET_TAG, ...Object.entries(facts).map(([name, value]) => tag(name, value))];
}

export function noteTags(facts: NoteFacts): string[] {
  return [
    NOTE_TAG,
    ...Object.entries(facts).flatMap(([name, value]) => (value === undefined ? [] : [tag(name, value)])),
  ];
}

/** @returns undefined for tags that are not all of ours. */
export function setFactsIn(tags: readonly string[]): SetFacts | undefined {
  return tags.includes(SET_TAG) ? SetFacts.safeParse(pairsIn(tags)).data : undefined;
}

export function noteFactsIn(tags: readonly string[]): NoteFacts | undefined {
  return tags.includes(NOTE_TAG) ? NoteFacts.safeParse(pairsIn(tags)).data : undefined;
}

/** restic ends a tag at a comma, and trims it. */
function tag(name: string, value: string): string {
  return `${name}:${value.replace(/[%,\s]/g, (character) => encodeURIComponent(character))}`;
}

function pairsIn(tags: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    tags.map((text) => {
      const [name = '', ...value] = text.split(':');
      return [name, decoded(value.join(':'))];
    }),
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
