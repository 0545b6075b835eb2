/** A version that failed its gate is not tried again by itself: it is skipped until a person approves it. */
import { z } from 'zod';
import type { Run } from '#engine/run.ts';
import { service } from '#sdk/kinds/service.ts';
import { readReference } from '#sdk/registry/reference.ts';
import { DecidedVersion } from '#sdk/versions/decision.ts';
import type { NewDecision } from '#store/decisions.ts';

const Check = service.actions.checkUpdate.output.pick({ to: true, targets: true });
const Released = z.object({ release: service.actions.release.output.shape.release });

/** @returns what is to be decided of the versions that the run went to; nothing for a run that did not refuse them. */
export function heldBack({ plan, states, status }: Run): NewDecision[] {
  const check = Check.safeParse(states.get('check')?.output);
  // Where a person is asked, the version has failed its gate just the same: it must not come again after the rollback.
  const refused = status === 'rolled_back' || (status === 'needs_attention' && states.get('gate')?.status === 'failed');
  if (plan.workflow !== 'update' || !refused || !check.success) return [];
  const before = Released.safeParse(states.get('release')?.output);
  const images = before.success ? before.data.release.images : [];
  const { to, targets } = check.data;
  // Packages of a system are targets too, but no images: what they are brought to is one version in one word.
  const isProgram = targets.every(({ reference }) => readReference(reference) === undefined);
  if (isProgram) return DecidedVersion.safeParse(to).success ? [skip(plan.service, null, to)] : [];
  return targets.flatMap(({ name, reference, digest }) => {
    const tag = readReference(reference)?.tag ?? null;
    // Where the tag is the one that ran before, it has moved: what it pointed to is the version.
    const moved = images.some((image) => image.name === name && readReference(image.reference)?.tag === tag);
    const version = moved ? digest : tag;
    return version === null ? [] : [skip(plan.service, name, version)];
  });
}

/** Without an image it is the version of a program that is not made of images. */
function skip(name: string, image: string | null, version: string): NewDecision {
  return { service: name, image, decision: 'skip', version };
}
