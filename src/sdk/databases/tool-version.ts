/** The version of a program, in what it prints of itself. */

/** `15.18` of `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`; without one, the beginning of the text. */
export function versionIn(text: string): string {
  return /\d+(?:\.\d+)+/.exec(text)?.[0] ?? (text.split('\n')[0] ?? '').slice(0, 100);
}
