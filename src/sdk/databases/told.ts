/** Dumps in the words of a report. */
import type { Dump } from '#sdk/databases/dump.ts';

/** `postgresql paperless (62 tables), mariadb shop (8 tables)` */
export function toldDumps(dumps: readonly Dump[]): string {
  if (dumps.length === 0) return 'no database';
  return dumps.map(({ type, name, tables }) => `${type} ${name} (${counted(tables)})`).join(', ');
}

function counted(tables: number): string {
  return tables === 1 ? '1 table' : `${tables} tables`;
}
