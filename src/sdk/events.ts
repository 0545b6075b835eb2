/** The events that a person can be told of. What is listed here can occur. */

export const EVENTS = [
  'backup_success',
  'backup_failed',
  'update_success',
  'update_failed',
  'update_available',
  'rollback_executed',
  'restore_success',
  'drill_success',
  'drill_failed',
  'schedule_missed',
  'service_down',
  'service_recovered',
  'external_access_failed',
  'disk_space_warning',
  'resource_warning',
  'needs_attention',
] as const;

export type EventName = (typeof EVENTS)[number];

/** Whether a pattern of a route means an event: a name, in which `*` stands for any letters. */
export function matchesEvent(pattern: string, event: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === event;
  if (!event.startsWith(first)) return false;
  let at = first.length;
  for (const [index, piece] of rest.entries()) {
    const last = index === rest.length - 1;
    const found = last ? event.length - piece.length : event.indexOf(piece, at);
    if (found < at || !event.startsWith(piece, found)) return false;
    at = found + piece.length;
  }
  return true;
}
