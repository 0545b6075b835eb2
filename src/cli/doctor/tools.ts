/** Whether the programs that we start are there, and in which version. */
import { execa } from 'execa';
import { broken, finding, ok, warning } from '#cli/doctor/finding.ts';
import type { Finding } from '#cli/ports.ts';
import { findTool, lookUpTool } from '#host/find-tool.ts';

const ANSWER_MS = 5_000;
const OLDEST_NODE = [24, 12] as const;

export async function toolFindings(options: { path: string; needsRedis: boolean }): Promise<Finding[]> {
  const { path } = options;
  const needed = ['tar', 'zstd', 'sha256sum'].map((name) => tool(name, path));
  const redis = options.needsRedis ? [redisServer(path)] : [];
  return await Promise.all([node(process.versions.node), ...needed, ...redis, courtesy(path)]);
}

export async function node(version: string): Promise<Finding> {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const good = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  if (good) return ok('node', version);
  return broken('node', `${version} is too old`, `install Node ${OLDEST_NODE.join('.')} or newer`);
}

async function tool(name: string, path: string): Promise<Finding> {
  return finding(name, async () => ok(name, await versionOf(findTool(name, { path }))));
}

async function redisServer(path: string): Promise<Finding> {
  return finding('redis-server', async () => {
    const found = ['redis-server', 'valkey-server'].map((name) => lookUpTool(name, { path })).find(Boolean);
    return ok('redis-server', await versionOf(found ?? findTool('redis-server', { path })));
  });
}

/** Without these a backup works, but does not give way to the services. */
async function courtesy(path: string): Promise<Finding> {
  const missing = ['nice', 'ionice'].filter((name) => lookUpTool(name, { path }) === undefined);
  if (missing.length === 0) return ok('priority', 'nice and ionice are there');
  const next = 'apt install coreutils util-linux';
  return warning('priority', `${missing.join(' and ')} missing: backups run at full priority`, next);
}

async function versionOf(program: string): Promise<string> {
  const { stdout } = await execa(program, ['--version'], { timeout: ANSWER_MS });
  const line = stdout.split('\n')[0] ?? '';
  return `${/\d+(\.\d+)+/.exec(line)?.[0] ?? line.trim()} (${program})`;
}
