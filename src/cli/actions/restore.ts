/** `backups restore`: puts files back. */

import { resolve } from 'node:path';
import type { BackupDetail } from '#app/backup-types.ts';
import type { Settings } from '#app/settings.ts';
import { withBackups } from '#cli/actions/open-backups.ts';
import { progressLine } from '#cli/actions/progress-line.ts';
import { momentOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { restoredLines } from '#cli/render/backups.ts';
import { when, zoneName } from '#cli/render/times.ts';
import { type Call, flag, given, text, texts, word } from '#cli/spec.ts';
import { AutopilotError } from '#kernel/errors.ts';

export async function restoreBackup(context: Context, call: Call): Promise<ExitStatus> {
  return withBackups(context, call, async ({ settings, backups }) => {
    const { terminal } = context;
    const detail = await backups.show(word(call, 0));
    const locked = detail.encryption?.locked ?? null;
    if (locked !== null) throw new AutopilotError(locked.code, locked.message, given('next', locked.next));
    const to = text(call, 'to');
    if (to === undefined && !flag(call, 'yes') && !(await agreed(context, settings, detail))) {
      terminal.tell('Nothing was restored.');
      return EXIT.done;
    }
    using line = progressLine(context);
    const report = await backups.restore(detail.id, {
      to: to === undefined ? null : resolve(to),
      only: texts(call, 'only'),
      overwrite: flag(call, 'overwrite'),
      progress: line.show,
    });
    line.clear();
    if (flag(call, 'json')) printJson(context, report);
    else printLines(context, restoredLines(report, terminal.style));
    return EXIT.done;
  });
}

/** Without a terminal, that the command was typed is agreement enough. */
async function agreed(context: Context, settings: Settings, detail: BackupDetail): Promise<boolean> {
  const { terminal } = context;
  if (terminal.ask === null) return true;
  const moment = momentOf(context, settings);
  terminal.tell(
    `restore point ${detail.id} of ${detail.service}, ${when(detail.createdAt, moment)} ${zoneName(moment)}`,
  );
  terminal.tell(`  goes back to ${detail.sources.join(', ')}. A running service is not stopped for it.`);
  return terminal.ask('Put these files back?');
}
