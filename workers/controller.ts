/** The controller process: drives runs, keeps the history, and answers. One for each state directory. */
import { runController } from '#app/process-controller.ts';

await runController();
