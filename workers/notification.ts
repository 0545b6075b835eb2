/** Performs the steps of workflows that use a notification channel. What tells of runs is sent by the controller. */
import { runStepWorker } from '#app/process-worker.ts';

await runStepWorker('notification');
