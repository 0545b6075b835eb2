/** Whether a Redis may be trusted with a queue: its version, its eviction policy, its persistence. */
import type { Redis } from 'ioredis';

export interface Suitability {
  version: string;
  evictionPolicy: string | null;
  persistence: 'aof' | 'rdb' | 'none' | null;
  /** What would lose or delay work, each with what to do; empty when all is well. */
  warnings: string[];
}

/** Reads what the server says of itself; a provider that hides its configuration is said to be unknown, not good. */
export async function judgeRedis(redis: Redis): Promise<Suitability> {
  const info = await redis.info();
  const version = /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown';
  const evictionPolicy = /maxmemory_policy:(\S+)/.exec(info)?.[1] ?? null;
  const aof = /aof_enabled:(\d)/.exec(info)?.[1];
  const save = await redis.config('GET', 'save').then(configValue, () => null);
  const persistence = aof === '1' ? 'aof' : aof === undefined || save === null ? null : save === '' ? 'none' : 'rdb';
  return { version, evictionPolicy, persistence, warnings: warningsOf(version, evictionPolicy, persistence) };
}

function warningsOf(version: string, policy: string | null, persistence: Suitability['persistence']): string[] {
  const warnings: string[] = [];
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 6 || (major === 6 && minor < 2)) warnings.push(`Redis ${version} is too old: 6.2 or newer is needed`);
  if (policy === null) warnings.push('the eviction policy cannot be read; it must be noeviction');
  else if (policy !== 'noeviction') {
    warnings.push(`maxmemory-policy is ${policy}: Redis may throw jobs away. Set  maxmemory-policy noeviction`);
  }
  if (persistence === 'none') warnings.push('nothing is written to disk: set  appendonly yes');
  if (persistence === 'rdb') warnings.push('only snapshots are written: a crash loses minutes. Set  appendonly yes');
  if (persistence === null) warnings.push('persistence cannot be read; appendonly yes is advised');
  return warnings;
}

function configValue(answer: unknown): string | null {
  if (Array.isArray(answer)) return typeof answer[1] === 'string' ? answer[1] : null;
  return null;
}
