/** Services as a table. An empty column is never shown as good. */
import type { Uptimes } from '#cli/ports.ts';
import { percent } from '#cli/render/health.ts';
import { type Proofs, proofTimes } from '#cli/render/proofs.ts';
import type { Style } from '#cli/render/style.ts';
import { printable, table } from '#cli/render/text.ts';
import { type Moment, when, zoneName } from '#cli/render/times.ts';

export interface ServiceRow extends Proofs {
  name: string;
  type: string;
  host: string;
  state: 'up' | 'down' | 'unknown';
  /** Whether anything is checked of it. */
  watched: boolean;
  version: string | null;
  detail: string;
  uptime: Uptimes | null;
  lastBackup: {
    id: string;
    createdAt: string;
    verifiedAt: string | null;
    copies: number;
    verifiedCopies: number;
  } | null;
}

const TINT = { up: 'good', down: 'bad', unknown: 'quiet' } as const;

export function servicesTable(
  rows: readonly ServiceRow[],
  { moment, style }: { moment: Moment; style: Style },
): string[] {
  if (rows.length === 0) return ['No services. Add them under  services:  in the configuration.'];
  const titles = [
    'SERVICE',
    'STATE',
    'VERSION',
    'HOST',
    `LAST BACKUP (${zoneName(moment)})`,
    'COPIES',
    'PROVEN',
    'UPTIME 30D',
    '',
  ];
  return table(
    titles.map((title) => ({ title })),
    rows.map((row) => [
      row.name,
      style(TINT[row.state], row.state),
      printable(row.version ?? '–'),
      row.host,
      row.lastBackup === null
        ? style('warn', 'never')
        : `${when(row.lastBackup.createdAt, moment)} ${mark(row.lastBackup)}`,
      row.lastBackup === null ? '–' : `${row.lastBackup.verifiedCopies} of ${row.lastBackup.copies} verified`,
      proofTimes(row, moment) ?? style('warn', 'never'),
      percent(row.uptime?.['30d'] ?? null),
      printable(row.state === 'up' && !row.watched ? '' : row.detail),
    ]),
  );
}

function mark({ verifiedAt }: NonNullable<ServiceRow['lastBackup']>): string {
  return verifiedAt === null ? 'not verified' : '✔';
}
