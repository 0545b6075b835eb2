/** `backups list`, `show` and `files`. */
import type { SetFile, Trouble } from '#app/backup-types.ts';
import type { Settings } from '#app/settings.ts';
import { withBackups } from '#cli/actions/open-backups.ts';
import { momentOf } from '#cli/actions/settings.ts';
import { backupsCommand } from '#cli/commands/backups.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { backupDetailLines, backupsTable, fileLine } from '#cli/render/backups.ts';
import { type Call, flag, word } from '#cli/spec.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { nearest } from '#kernel/nearest.ts';

export async function listBackups(context: Context, call: Call): Promise<ExitStatus> {
  return withBackups(context, call, async ({ settings, backups }) => {
    const [service] = call.words;
    const { restorePoints, troubles } = await backups.list(service);
    if (service !== undefined && restorePoints.length === 0) refuseUnknown(settings, service);
    tellTroubles(context, troubles);
    if (flag(call, 'json')) printJson(context, { restorePoints });
    else {
      const view = { moment: momentOf(context, settings), style: context.terminal.style };
      printLines(context, backupsTable(restorePoints, view));
    }
    return troubles.length === 0 ? EXIT.done : EXIT.failed;
  });
}

/** A service that was taken out of the configuration may have backups; one that nobody knows was mistyped. */
function refuseUnknown({ config }: Settings, service: string): void {
  const services = config.services.map(({ name }) => name);
  if (services.length === 0 || services.includes(service)) return;
  const commands = (backupsCommand.children ?? []).map(({ name }) => name);
  const guess = nearest(service, [...services, ...commands]);
  const known = `There are: ${services.join(', ')}`;
  throw new AutopilotError('HA_NOT_FOUND', `there is no service "${service}", and no backup of one`, {
    next: guess === undefined ? known : `Did you mean "${guess}"? ${known}`,
  });
}

export function tellTroubles({ terminal }: Context, troubles: readonly Trouble[]): void {
  for (const { destination, message } of troubles) {
    terminal.tell(`${terminal.style('warn', 'not listed')} ${destination}: ${message}`);
  }
}

export async function showBackup(context: Context, call: Call): Promise<ExitStatus> {
  return withBackups(context, call, async ({ settings, backups }) => {
    const detail = await backups.show(word(call, 0));
    if (flag(call, 'json')) printJson(context, detail);
    else {
      const view = { moment: momentOf(context, settings), style: context.terminal.style };
      printLines(context, backupDetailLines(detail, view));
    }
    return EXIT.done;
  });
}

export async function backupFiles(context: Context, call: Call): Promise<ExitStatus> {
  return withBackups(context, call, async ({ settings, backups }) => {
    const files = backups.files(word(call, 0), call.words[1]);
    if (flag(call, 'json')) await printFilesJson(context, files);
    else await printFiles(context, files, settings.config.global.timezone);
    return EXIT.done;
  });
}

async function printFiles({ terminal }: Context, files: AsyncIterable<SetFile>, zone: string): Promise<void> {
  let none = true;
  for await (const file of files) {
    terminal.write(`${fileLine(file, zone)}\n`);
    none = false;
  }
  if (none) {
    terminal.tell('No file of the set matches.');
    terminal.tell(
      '  A glob with a slash in it is relative to its source; one that begins with a slash is a whole path.',
    );
  }
}

/** One document, but written piece by piece: a set may hold millions of files. */
async function printFilesJson({ terminal }: Context, files: AsyncIterable<SetFile>): Promise<void> {
  let before = '{"files":[';
  for await (const file of files) {
    terminal.write(`${before}\n${JSON.stringify(file)}`);
    before = ',';
  }
  terminal.write(before === ',' ? '\n]}\n' : `${before}]}\n`);
}
