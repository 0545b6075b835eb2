/** Which tools make a set: looked up before anything is read, so that a missing one is told at once. */
import type { Argv, Tools } from '#sdk/tools.ts';

/** Versions by tool, for the manifest. Fails with HA_TOOL_MISSING. */
export async function toolVersions(
  tools: Pick<Tools, 'exec'>,
  { encrypts }: { encrypts: boolean },
): Promise<Record<string, string>> {
  const names = ['tar', 'zstd', ...(encrypts ? ['age'] : [])];
  const found = await Promise.all(
    names.map(async (name) => [name, await version(tools, [name, '--version'])] as const),
  );
  return { ...Object.fromEntries(found), node: process.version };
}

async function version(tools: Pick<Tools, 'exec'>, argv: Argv): Promise<string> {
  const { stdout } = await tools.exec(argv);
  const line = stdout.split('\n')[0] ?? '';
  return /\d+(?:\.\d+)+/.exec(line)?.[0] ?? line.trim();
}
