/** What an action says when nobody listens to its log: the command line shows results, not steps. */
import type { StepVoice } from '#host/ports.ts';

const silent = () => undefined;

export const SILENT_VOICE: StepVoice = {
  log: { debug: silent, info: silent, warn: silent, error: silent },
  progress: silent,
};
