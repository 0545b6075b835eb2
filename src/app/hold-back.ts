/** A version that was rolled back is not tried again by itself: it is skipped until a person approves it. */
import { z } from 'zod';
import type { Run } from '#engine/run.ts';
import { service } from '#sdk/kinds/service.ts';
import { readReference } from '#sdk/registry/reference.ts';
import type { NewDecision } from '#store/decisions.ts';

const Check = service.actions.checkUpdate.output.pick({ targets: true });
const Released = z.object({ release: service.actions.release.output.shape.release });

/** @returns what is to be decided of the versions that the run went to; nothing for a run that was not rolled back. */
export function heldBack({ plan, states }: Run): NewDecision[] {
  const check = Check.safeParse(states.get('check')?.output);
  if (plan.workflow !== 'update' || !check.success) return [];
  const before = Released.safeParse(states.get('release')?.output);
  const images = before.success ? before.data.release.images : [];
  return check.data.targets.flatMap(({ name, reference, digest }) => {
    const tag = readReference(reference)?.tag ?? null;
    // Where the tag is the one that ran before, it has moved: what it pointed to is the version.
    const moved = images.some((image) => image.name === name && readReference(image.reference)?.tag === tag);
    const version = moved ? digest : tag;
    return version === null ? [] : [{ service: plan.service, image: name, decision: 'skip' as const, version }];
  });
}
