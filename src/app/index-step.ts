/** Keeps the index of restore points in step with what steps report of them. */
import { z } from 'zod';
import type { StepResult } from '#engine/ports.ts';
import { archive } from '#sdk/kinds/archive.ts';
import type { PlannedStep, UndoStep } from '#sdk/plan.ts';
import type { Drills } from '#store/drills.ts';
import type { RestorePointIndex } from '#store/restore-points.ts';

const { seal, copy, verifyCopy, retain, setAside, attest } = archive.actions;
const SealInput = seal.input;
const CopyInput = z.object({ set: z.string(), to: z.string() });

/** Called in the transaction that records the step: the index cannot fall behind the history. */
export function indexStep(
  { points, drills }: { points: RestorePointIndex; drills: Drills },
  { run, step, result }: { run: string; step: PlannedStep | UndoStep; result: StepResult },
): void {
  if (step.plugin.kind !== 'archive' || result.status !== 'succeeded') return;
  const { host } = step;
  switch (step.action) {
    case 'seal': {
      const { set, service } = SealInput.parse(step.input);
      const { files, sizeBytes, verifiedAt, purpose } = seal.output.parse(result.output);
      points.sealed({ id: set, service, host, run, createdAt: verifiedAt, sizeBytes, files, verifiedAt, purpose });
      return;
    }
    case 'copy': {
      const { set, to } = CopyInput.parse(step.input);
      copy.output.parse(result.output);
      points.copied({ id: set, destination: to, host, verifiedAt: null });
      return;
    }
    case 'verifyCopy': {
      const { set, destination } = verifyCopy.input.parse(step.input);
      const { verifiedAt } = verifyCopy.output.parse(result.output);
      points.copied({ id: set, destination, host, verifiedAt });
      return;
    }
    case 'setAside': {
      const { set } = setAside.input.parse(step.input);
      const { destination, verifiedAt } = setAside.output.parse(result.output);
      if (destination !== null) points.copied({ id: set, destination, host, verifiedAt });
      return;
    }
    case 'retain': {
      const { destination, service } = retain.input.parse(step.input);
      const { removed, pinned } = retain.output.parse(result.output);
      points.retained({ destination, host, removed, service, pinned });
      return;
    }
    case 'attest': {
      // Its input refers to outputs of other steps, so it tells itself what it speaks of.
      const { set: restorePoint, summary: _summary, ...proof } = attest.output.parse(result.output);
      drills.proven({ run, restorePoint, ...proof });
      return;
    }
    default:
  }
}
