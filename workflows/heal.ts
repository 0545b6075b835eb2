/** Restarts a service that does not work, and calls it healed only when its own probes are good again. */
import { z } from 'zod';
import { gate } from '#sdk/matched-set.ts';
import { requireActions } from '#sdk/requirements.ts';
import { bracket, defineWorkflow, InputText, persistent, sequence } from '#sdk/workflow.ts';

/** One that is only slow to answer, or comes back by itself, has as long as this (milliseconds). */
const LOOK_MS = 10_000;

export const workflow = defineWorkflow({
  name: 'heal',
  title: 'Restart a service that does not work, and look that it works again',
  changes: true,
  section: 'heal',
  input: z.object({
    incident: InputText.optional().describe('The incident that it is for, when monitoring asks'),
    attempt: z.int().positive().optional().describe('Which attempt of that incident it is, when monitoring asks'),
  }),

  plan(context) {
    requireActions(context, 'heal', 'restart');
    const { watched: service, change } = context;
    const look = { timeoutMs: Math.min(LOOK_MS, change.gate.timeoutMs), stableForMs: 0 };

    return sequence(
      // One that works is not touched, whoever asks.
      service.do('validate', look, { key: 'look', title: 'still down', stopIf: 'healthy' }),
      // However far the restart has come when it fails or is cancelled: what it stopped is started.
      bracket(
        service.do('restart', {}, { stopUnless: 'restarted' }),
        persistent(service.do('restart', { stop: false }, { key: 'start', title: 'started' })),
      ),
      gate({ ...context, service }, { key: 'gate', title: 'gate' }),
    );
  },
});
