/** Files that may not be there. */
import { readFile } from 'node:fs/promises';
import { systemCode } from '#kernel/errors.ts';

/** What was asked of a path, such as its `stat`; undefined when there is nothing of this name, or nothing above it. */
export async function ifThere<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** The text of a file; undefined when it is not there. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
