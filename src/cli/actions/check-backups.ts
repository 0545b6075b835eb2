/** `backups verify`, `pin`, `unpin` and `prune --dry-run`. */
import { tellTroubles } from '#cli/actions/backups.ts';
import { withBackups } from '#cli/actions/open-backups.ts';
import { progressLine } from '#cli/actions/progress-line.ts';
import { momentOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { pruneTable, verdictLines } from '#cli/render/backups.ts';
import { type Call, flag, usage, word } from '#cli/spec.ts';

export async function verifyBackup(context: Context, call: Call): Promise<ExitStatus> {
  return withBackups(context, call, async ({ backups }) => {
    using line = progressLine(context);
    const verdict = await backups.verify(word(call, 0), line.show);
    line.clear();
    const checked = verdict.copies.filter(({ status }) => status !== 'not checked');
    const whole = checked.length > 0 && checked.every(({ status }) => status === 'verified');
    if (flag(call, 'json')) printJson(context, { ...verdict, verified: whole });
    else printLines(context, verdictLines(verdict, context.terminal.style));
    return whole ? EXIT.done : EXIT.failed;
  });
}

export async function pinBackup(context: Context, call: Call, pinned: boolean): Promise<ExitStatus> {
  return withBackups(context, call, async ({ backups }) => {
    const point = await backups.pin(word(call, 0), pinned);
    if (flag(call, 'json')) printJson(context, point);
    else {
      const meaning = pinned ? 'is kept until it is unpinned' : 'is under the retention rules again';
      printLines(context, [`restore point ${point.id} of ${point.service} ${meaning}`]);
    }
    return EXIT.done;
  });
}

export async function pruneBackups(context: Context, call: Call): Promise<ExitStatus> {
  if (!flag(call, 'dryRun')) {
    throw usage(
      'backups prune only explains, and needs --dry-run',
      'Sets are removed by the last step of the backup workflow:  homelab-autopilot enqueue backup SERVICE',
    );
  }
  return withBackups(context, call, async ({ settings, backups }) => {
    const { decisions, troubles } = await backups.prunePlan(call.words[0]);
    tellTroubles(context, troubles);
    if (flag(call, 'json')) printJson(context, { decisions });
    else {
      const view = { moment: momentOf(context, settings), style: context.terminal.style };
      printLines(context, pruneTable(decisions, view));
    }
    return troubles.length === 0 ? EXIT.done : EXIT.failed;
  });
}
