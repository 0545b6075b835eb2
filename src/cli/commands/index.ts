/** Every command, in the order in which help lists them. */
import { backupsCommand } from '#cli/commands/backups.ts';
import { completionCommand } from '#cli/commands/completion.ts';
import { configCommand } from '#cli/commands/config.ts';
import { demoCommand } from '#cli/commands/demo.ts';
import { doctorCommand } from '#cli/commands/doctor.ts';
import { enqueueCommand } from '#cli/commands/enqueue.ts';
import { notifyCommand } from '#cli/commands/notify.ts';
import { planCommand } from '#cli/commands/plan.ts';
import { pluginsCommand } from '#cli/commands/plugins.ts';
import { rehearseCommand } from '#cli/commands/rehearse.ts';
import { runsCommand } from '#cli/commands/runs.ts';
import { schedulesCommand } from '#cli/commands/schedules.ts';
import { beatCommand, checkCommand, servicesCommand, statusCommand } from '#cli/commands/services.ts';
import { upCommand, workerCommand } from '#cli/commands/up.ts';
import { updatesCommand } from '#cli/commands/updates.ts';
import type { CommandSpec } from '#cli/spec.ts';

export const commands: readonly CommandSpec[] = [
  upCommand,
  workerCommand,
  enqueueCommand,
  planCommand,
  runsCommand,
  backupsCommand,
  schedulesCommand,
  statusCommand,
  servicesCommand,
  checkCommand,
  beatCommand,
  updatesCommand,
  rehearseCommand,
  notifyCommand,
  configCommand,
  pluginsCommand,
  doctorCommand,
  demoCommand,
  completionCommand,
];
