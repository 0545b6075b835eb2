/** A version that failed its gate, or that a person rolled back, does not come again by itself: a person approves it. */
import { z } from 'zod';
import type { Run } from '#engine/run.ts';
import type { Release } from '#sdk/kinds/service.ts';
import { service } from '#sdk/kinds/service.ts';
import { planSteps } from '#sdk/plan.ts';
import { readReference } from '#sdk/registry/reference.ts';
import { DecidedVersion } from '#sdk/versions/decision.ts';
import type { NewDecision } from '#store/decisions.ts';

const Check = service.actions.checkUpdate.output.pick({ to: true, targets: true });
const Released = z.object({ release: service.actions.release.output.shape.release });

/** @returns what is to be decided of the versions that the run left or refused; nothing for any other run. */
export function heldBack(run: Run): NewDecision[] {
  if (run.plan.workflow === 'update') return refused(run);
  return run.plan.workflow === 'rollback' && run.status === 'succeeded' ? rolledBackByHand(run) : [];
}

function refused({ plan, states, status }: Run): NewDecision[] {
  const check = Check.safeParse(states.get('check')?.output);
  // Where a person is asked, the version has failed its gate just the same: it must not come again after the rollback.
  const bad = status === 'rolled_back' || (status === 'needs_attention' && states.get('gate')?.status === 'failed');
  if (!bad || !check.success) return [];
  const images = releaseIn(states, 'release')?.images ?? [];
  const { to, targets } = check.data;
  // Packages of a system are targets too, but no images: what they are brought to is one version in one word.
  const isProgram = targets.every(({ reference }) => readReference(reference) === undefined);
  if (isProgram) return named(plan.service, to);
  return targets.flatMap(({ name, reference, digest }) => skipImage(plan.service, { name, reference, digest }, images));
}

/** The versions that ran before it, as far as it brought others. */
function rolledBackByHand({ plan, states }: Run): NewDecision[] {
  const revert = planSteps(plan.root).find(({ action }) => action === 'revert');
  const [left, back] = [releaseIn(states, 'release'), releaseIn(states, 'recall')];
  if (revert?.input['image'] === false || left === undefined || back === undefined) return [];
  if (left.images.length === 0) return left.version === back.version ? [] : named(plan.service, left.version);
  const changed = left.images.filter(({ name, imageId }) =>
    back.images.some((image) => image.name === name && image.imageId !== imageId),
  );
  return changed.flatMap((image) => skipImage(plan.service, image, back.images));
}

function releaseIn(states: Run['states'], step: string): Release | undefined {
  return Released.safeParse(states.get(step)?.output).data?.release;
}

function named(name: string, version: string | null): NewDecision[] {
  const known = DecidedVersion.safeParse(version);
  return known.success ? [skip(name, null, known.data)] : [];
}

/** Where the tag is the one that ran before, it has moved: what it pointed to is the version. */
function skipImage(
  name: string,
  image: Pick<Release['images'][number], 'name' | 'reference' | 'digest'>,
  before: Release['images'],
): NewDecision[] {
  const tagOf = (reference: string) => readReference(reference)?.tag ?? null;
  const tag = tagOf(image.reference);
  const moved = before.some((one) => one.name === image.name && tagOf(one.reference) === tag);
  const version = moved ? image.digest : tag;
  return version === null ? [] : [skip(name, image.name, version)];
}

/** Without an image it is the version of a program that is not made of images. */
function skip(name: string, image: string | null, version: string): NewDecision {
  return { service: name, image, decision: 'skip', version };
}
