/** Rehearsals whose process is gone without having tidied up: their names, by which all that they made is found. */
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PROCESS_FILE = 'pid';

export async function note(folder: string): Promise<void> {
  await writeFile(join(folder, PROCESS_FILE), String(process.pid), { flush: true });
}

export async function leftBehind(root: string): Promise<string[]> {
  const names = await readdir(root).catch((): string[] => []);
  const left: string[] = [];
  for (const name of names.filter((one) => /^[a-z0-9]{12}$/.test(one))) {
    const pid = await readFile(join(root, name, PROCESS_FILE), 'utf8').catch(() => '');
    if (pid === '' || !existsSync(`/proc/${pid}`)) left.push(name);
  }
  return left;
}
