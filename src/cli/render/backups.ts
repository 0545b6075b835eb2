/** Restore points as a table, one of them in full, and what was found or done with it. */
import type { BackupDetail, CopyCheck, PruneDecision, RestoreReport, SetFile } from '#app/backup-types.ts';
import { shortIds } from '#cli/render/ids.ts';
import { proofText } from '#cli/render/proofs.ts';
import type { Style } from '#cli/render/style.ts';
import { printable, table } from '#cli/render/text.ts';
import { fullTime, type Moment, when, zoneName } from '#cli/render/times.ts';
import type { RestorePointView } from '#engine/requests.ts';
import { formatBytes, formatCount } from '#kernel/format.ts';

export interface BackupsView {
  moment: Moment;
  style: Style;
}

type Copy = RestorePointView['copies'][number];

export function backupsTable(points: readonly RestorePointView[], { moment, style }: BackupsView): string[] {
  if (points.length === 0) return ['No restore points.'];
  const short = shortIds(points.map(({ id }) => id));
  const rows = points.map((point) => [
    short(point.id),
    point.service,
    when(point.createdAt, moment),
    formatBytes(point.sizeBytes),
    noteOf(point, moment),
    point.copies.map((copy) => copyText(copy, style)).join(', ') || style('bad', 'no copy'),
  ]);
  const columns = [
    { title: 'ID' },
    { title: 'SERVICE' },
    { title: `MADE (${zoneName(moment)})` },
    { title: 'SIZE', align: 'right' as const },
    { title: 'NOTE' },
    { title: 'COPIES' },
  ];
  return table(columns, rows);
}

function noteOf({ pinned, purpose, lastDrill }: RestorePointView, moment: Moment): string {
  const notes = [
    ...(purpose === 'before-rollback' ? ['before rollback'] : []),
    ...(pinned ? ['pinned'] : []),
    ...(lastDrill === null ? [] : [`proven ${when(lastDrill.provenAt, moment)}`]),
  ];
  return notes.join(', ');
}

function copyText({ destination, status }: Copy, style: Style): string {
  switch (status) {
    case 'verified':
      return `${destination} ${style('good', '✔')}`;
    case 'unverified':
      return `${destination} ${style('warn', 'not verified')}`;
    case 'missing':
    case 'damaged':
      return `${destination} ${style('bad', status)}`;
  }
}

export function backupDetailLines(detail: BackupDetail, { moment, style }: BackupsView): string[] {
  const copies = detail.copies.map((copy) => {
    const at = copy.verifiedAt === null ? '' : ` ${fullTime(copy.verifiedAt, moment.zone)}`;
    return `  ${copyText(copy, style)}${at}  on ${copy.host}`;
  });
  const facts = [
    ['made', `${fullTime(detail.createdAt, moment.zone)} ${zoneName(moment)} on ${detail.host}`],
    ['by run', detail.run],
    ['holds', `${formatCount(detail.files, 'file')}, ${formatBytes(detail.contentBytes)}`],
    ['size', formatBytes(detail.sizeBytes)],
    ['kept', keptText(detail)],
    ...encryptionFacts(detail.encryption),
    [
      'proven',
      detail.lastDrill === null ? 'never: no drill has restored it' : proofText(detail.lastDrill, moment.zone),
    ],
    ...detail.sources.map((source, i) => [i === 0 ? 'from' : '', printable(source)]),
    ...(detail.encryption?.locked ? [] : releaseFacts(detail.release)),
  ];
  return [
    `${style('strong', detail.service)} · restore point ${detail.id}`,
    '',
    ...facts.map(([name = '', value = '']) => `  ${name.padEnd(8)} ${value}`),
    '',
    'Copies:',
    ...(copies.length === 0 ? ['  none within reach'] : copies),
    ...(detail.warnings.length === 0 ? [] : ['', 'Warnings of the capture:']),
    ...detail.warnings.map((text) => `  ${printable(text)}`),
  ];
}

function keptText({ pinned, purpose }: BackupDetail): string {
  if (pinned) return 'until it is unpinned';
  return purpose === 'backup' ? 'by the retention rules' : 'for 7 days: a rollback replaced it';
}

function encryptionFacts(encryption: BackupDetail['encryption']): string[][] {
  if (encryption === null) return [];
  const whose = encryption.recipients.map((recipient, i) => [i === 0 ? 'for' : '', recipient]);
  const { locked } = encryption;
  if (locked === null) return whose;
  return [...whose, ['locked', printable(locked.message)], ['', printable(locked.next ?? '')]];
}

/** What a rollback to it brings back besides its files. */
function releaseFacts(release: BackupDetail['release']): string[][] {
  if (release === null) return [['covers', 'files alone']];
  const images = release.images.map(({ name, reference, digest }) => {
    const pinnedBy = digest === null ? 'from no registry' : digest.slice(0, 19);
    return `${name}: ${reference} (${pinnedBy})`;
  });
  const version = images.length > 0 || release.version === null ? [] : [`version ${release.version}`];
  const facts = [...version, ...images].map((text, i) => [i === 0 ? 'ran' : '', printable(text)]);
  return [...facts, ...release.configFiles.map((file, i) => [i === 0 ? 'config' : '', printable(file)])];
}

const LETTERS: Record<string, string> = { file: '-', directory: 'd', symlink: 'l', hardlink: '-' };

/** `-0644 root root    182 MB  2026-03-01 02:14:05  /srv/notes/a.db`. */
export function fileLine(file: SetFile, zone: string): string {
  const owner = `${printable(file.owner)} ${printable(file.group)}`;
  const link = file.link === null ? '' : ` -> ${printable(file.link)}`;
  const size = formatBytes(file.size).padStart(8);
  return `${LETTERS[file.type] ?? '?'}${file.mode} ${owner} ${size}  ${fullTime(file.modifiedAt, zone)}  ${printable(file.path)}${link}`;
}

export function verdictLines({ id, copies }: { id: string; copies: readonly CopyCheck[] }, style: Style): string[] {
  const lines = copies.map(({ destination, host, status, detail }) => {
    const where = `${destination} on ${host}`;
    if (status === 'verified') return `${style('good', '✔')} ${where}: ${printable(detail)}`;
    if (status === 'not checked') return `${style('warn', '–')} ${where}: not checked, ${printable(detail)}`;
    return `${style('bad', '✘')} ${where}: ${status}, ${printable(detail)}`;
  });
  return [`restore point ${id}`, ...(lines.length === 0 ? ['  no copy was found'] : lines.map((line) => `  ${line}`))];
}

export function restoredLines(report: RestoreReport, style: Style): string[] {
  const amount = `${formatCount(report.files, 'file')}, ${formatBytes(report.bytes)}`;
  const places = report.targets.map(printable).join(', ');
  return [
    `${style('good', 'restored')} ${report.service}: ${amount} from ${report.from} to ${places}`,
    ...report.warnings.map((text) => `  warning: ${printable(text)}`),
  ];
}

export function pruneTable(decisions: readonly PruneDecision[], { moment, style }: BackupsView): string[] {
  if (decisions.length === 0) return ['No restore points.'];
  const short = shortIds(decisions.map(({ id }) => id));
  const titles = ['SERVICE', 'DESTINATION', 'ID', `MADE (${zoneName(moment)})`, 'WOULD', 'BECAUSE'];
  const rows = decisions.map(({ service, destination, id, createdAt, keep, reasons }) => [
    service,
    destination,
    short(id),
    when(createdAt, moment),
    keep ? style('good', 'keep') : style('warn', 'remove'),
    reasons.join('; '),
  ]);
  const removed = decisions.filter(({ keep }) => !keep);
  const bytes = removed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const verdict = `would remove ${formatCount(removed.length, 'set')} of ${decisions.length}, ${formatBytes(bytes)}; nothing was removed`;
  return [
    ...table(
      titles.map((title) => ({ title })),
      rows,
    ),
    '',
    verdict,
  ];
}
