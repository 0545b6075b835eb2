/** Performs the steps of services, of their backup sets and destinations, on one host. */
import { runStepWorker } from '#app/process-worker.ts';

await runStepWorker('service');
