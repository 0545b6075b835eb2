/** Backups of a whole guest as a table. */
import type { GuestBackups } from '#app/guest-backups.ts';
import type { Style } from '#cli/render/style.ts';
import { printable, table } from '#cli/render/text.ts';
import { type Moment, when, zoneName } from '#cli/render/times.ts';
import type { DrillView } from '#engine/requests.ts';
import { formatBytes } from '#kernel/format.ts';

interface Page extends GuestBackups {
  /** The last drill of such a backup. */
  lastDrill: DrillView | null;
}

export function guestBackupsLines(
  { hypervisor, guest, backups, lastDrill }: Page,
  { moment, style }: { moment: Moment; style: Style },
): string[] {
  if (backups.length === 0) return [`${hypervisor} has no backup of ${guest}.`];
  const notes = ({ id, verified, run }: GuestBackups['backups'][number]) => [
    ...(verified === false ? [style('bad', 'damaged')] : []),
    ...(verified === true ? [`checked by ${hypervisor}`] : []),
    ...(run === null ? ['not ours'] : []),
    ...(lastDrill?.restorePoint === id ? [`proven ${when(lastDrill.provenAt, moment)}`] : []),
  ];
  const rows = backups.map((backup) => [
    printable(backup.id),
    backup.createdAt === null ? '' : when(backup.createdAt, moment),
    backup.sizeBytes === null ? '' : formatBytes(backup.sizeBytes),
    notes(backup).join(', '),
  ]);
  const columns = [
    { title: `BACKUPS OF ${guest} ON ${hypervisor}` },
    { title: `MADE (${zoneName(moment)})` },
    { title: 'SIZE', align: 'right' as const },
    { title: 'NOTE' },
  ];
  return table(columns, rows);
}
