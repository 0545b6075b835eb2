/** What somebody who is not root is told of a folder, also when root runs the tests: root may write everywhere. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Finding } from '#cli/ports.ts';
import { root } from '#test/support/sources.ts';
import { tempDir } from '#test/support/tmp.ts';

/** Of a folder without the right to write to it. */
export async function lookAtLocked(): Promise<{ folder: string; finding: Finding; destination: string }> {
  await using dir = await tempDir();
  // The way there is open: only the folder itself is not.
  for (const path of [dirname(dir.path), dir.path]) {
    const { mode } = await stat(path);
    await chmod(path, mode | 0o001);
  }
  const folder = join(dir.path, 'locked');
  await mkdir(folder, { mode: 0o555 });
  const fixture = join(root, 'test/fixtures/unprivileged.ts');
  const env = { ...process.env, TMPDIR: dir.path };
  const { stdout } = await promisify(execFile)(process.execPath, [fixture, folder], { env });
  return { folder, ...(JSON.parse(stdout) as { finding: Finding; destination: string }) };
}
