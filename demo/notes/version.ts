/** Which version of the notes program is installed, and which one its makers offer: files beside the data directory. */
import { readFileSync, writeFileSync } from 'node:fs';

const FIRST_VERSION = '1.0';

/** The one whose migration goes wrong: it loses notes, and then it does not work. */
export const BROKEN_VERSION = '3.0';

export function installedVersion(data: string): string {
  return readVersion(`${data}.version`) ?? FIRST_VERSION;
}

export function offeredVersion(data: string): string | undefined {
  return readVersion(`${data}.offered`);
}

export function install(data: string, version: string): void {
  writeFileSync(`${data}.version`, `${version}\n`);
}

export function offer(data: string, version: string): void {
  writeFileSync(`${data}.offered`, `${version}\n`);
}

function readVersion(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
