/** Dumps in the words of a report. */
import type { Dump } from '#sdk/databases/dump.ts';

/** `postgresql paperless (62 tables), redis cache (8 keys)` */
export function toldDumps(dumps: readonly Dump[]): string {
  if (dumps.length === 0) return 'no database';
  return dumps.map((dump) => `${dump.type} ${dump.name} (${toldSize(dump)})`).join(', ');
}

/** `62 tables`, `1 collection`, `8 keys` */
export function toldSize({ type, tables }: Pick<Dump, 'type' | 'tables'>): string {
  const unit = type === 'redis' || type === 'valkey' ? 'key' : type === 'mongodb' ? 'collection' : 'table';
  return `${tables} ${tables === 1 ? unit : `${unit}s`}`;
}
