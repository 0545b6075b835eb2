/** Names and versions of Debian packages, as far as they may become words of a command line, and where they are installed. */
import { z } from 'zod';
import type { Tools } from '#sdk/tools.ts';

/** No more than a name: apt takes `name-` for "remove it", and `name=1`, `name/stable`, `name:arch` for more than one. */
export const PackageName = z
  .string()
  .max(200)
  .regex(/^[a-z0-9][a-z0-9+.]*(-[a-z0-9+.]+)*$/, 'not the name of a Debian package, such as caddy');

export const PackageVersion = z
  .string()
  .max(128)
  .regex(/^[0-9][A-Za-z0-9.+:~-]*$/, 'not the version of a Debian package, such as 2.6.2-5');

/** The tree whose packages are meant. */
export const SystemRoot = z
  .string()
  .startsWith('/', 'must be an absolute path: it begins with /')
  .refine((path) => !/[\0"]/.test(path), 'cannot hold a NUL character or a double quote')
  .refine((path) => !path.split('/').includes('..'), 'must not go through ".."')
  .default('/')
  .describe('The system whose packages are meant: another one than the running one by the path of its tree');

/** As apt itself writes it: `caddy=2.6.2-5`. */
export function versionWord(name: string, version: string): string {
  return `${name}=${version}`;
}

export interface AptPlace {
  packages: readonly string[];
  root: string;
  timeoutMs: number;
}

export type AptTools = Pick<Tools, 'exec' | 'name' | 'stateDir' | 'log' | 'scratch' | 'signal'>;

/** What a release keeps of packages: version by name. Checked like anything that comes out of a backup set. */
export const Versions = z.record(PackageName, PackageVersion);
export type Versions = z.output<typeof Versions>;

export function versionWords(versions: Versions): string[] {
  return Object.entries(versions).map(([name, version]) => versionWord(name, version));
}
