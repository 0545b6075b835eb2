/** Tests that need a tool of the system are skipped with the reason where it is missing; with CI=true they fail. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'vitest';

/** First line of a test (or of a `beforeEach`) that starts the named programs: `needs(context, 'zstd', 'setfacl')`. */
export function needs(context: Pick<TestContext, 'skip'>, ...tools: string[]): void {
  const missing = tools.filter((tool) => !hasTool(tool));
  if (missing.length === 0) return;
  const reason = `needs ${missing.join(', ')}; ./setup installs what tests need`;
  if (process.env['CI'] === 'true') throw new Error(reason);
  context.skip(reason);
}

/** Whether a program of this name is found in PATH, or where systems keep their servers. */
export function hasTool(name: string): boolean {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return directories.some((directory) => isExecutable(join(directory, name)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
