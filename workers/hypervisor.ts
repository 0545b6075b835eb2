/** Performs the steps of hypervisors, on a host that reaches them. */
import { runStepWorker } from '#app/process-worker.ts';

await runStepWorker('hypervisor');
