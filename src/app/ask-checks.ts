/** Has the workers ask the probes of services now, and tells of what reports by itself. */
import { checksOfService } from '#app/checks.ts';
import { type HeartbeatAnswer, heartbeatAnswers } from '#app/heartbeat-answers.ts';
import { redisAddress } from '#app/redis-address.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import type { ServiceConfig } from '#config/types.ts';
import { AutopilotError } from '#kernel/errors.ts';
import type { Check, Finding } from '#monitor/check.ts';
import { subjectOf, wordOf } from '#monitor/check.ts';
import { askChecks as askWorker } from '#queue/checks.ts';
import { connectRedis, reachRedis } from '#queue/connection.ts';

export interface AskedCheck {
  service: string;
  host: string;
  check: string;
  external: boolean;
  asked: string;
  state: 'good' | 'bad' | 'unknown';
  detail: string;
  tookMs: number | null;
  /** Null for what can be asked. */
  heartbeat: { lastAt: string | null; dueAt: string | null } | null;
}

/** A worker needs a moment to hear and to answer, besides what the checks take (milliseconds). */
const ON_THE_WAY_MS = 5_000;

/**
 * @returns in the order of the services; what nobody could ask is `unknown`, with the reason.
 * @throws AutopilotError HA_REDIS_UNREACHABLE, when there is anything that can be asked.
 */
export async function askChecks(
  settings: Settings,
  { services, signal, now }: { services: readonly ServiceConfig[]; signal: AbortSignal; now: Date },
): Promise<AskedCheck[]> {
  const heard = heartbeatAnswers(settings.config, services, now.getTime()).map(heardCheck);
  const mayAsk = services.some((service) => checksOfService(service).length > 0);
  const asked = mayAsk ? await askProbes(settings, { services, signal }) : [];
  return services.flatMap(({ name }) => [...asked, ...heard].filter(({ service }) => service === name));
}

function heardCheck({ lastAt, dueAt, ...answer }: HeartbeatAnswer): AskedCheck {
  return { ...answer, external: false, tookMs: null, heartbeat: { lastAt, dueAt } };
}

async function askProbes(
  settings: Settings,
  { services, signal }: { services: readonly ServiceConfig[]; signal: AbortSignal },
): Promise<AskedCheck[]> {
  const address = await redisAddress(settings.config, createSecretResolver(settings.config));
  (await reachRedis(address)).disconnect();
  const all = services.flatMap((service) =>
    checksOfService(service).map((check) => ({ service: service.name, check })),
  );
  const hosts = [...new Set(all.map(({ check }) => check.host))];
  const answers = await Promise.all(
    hosts.map(async (host) => {
      const checks = all.flatMap(({ check }) => (check.host === host ? [check] : []));
      const timeoutMs = Math.max(...checks.map((check) => check.timeoutMs)) + ON_THE_WAY_MS;
      const redis = connectRedis(address, 'worker');
      const leave = () => redis.disconnect();
      signal.addEventListener('abort', leave, { once: true });
      const found = await askWorker(redis, { host, checks, timeoutMs }).catch((error: unknown) => {
        if (signal.aborted) throw new AutopilotError('HA_CANCELLED', 'interrupted');
        throw error;
      });
      leave();
      return [host, found] as const;
    }),
  );
  const found = new Map(answers);
  return all.map(({ service, check }) => askedCheck(service, check, found.get(check.host) ?? null));
}

function askedCheck(service: string, check: Check, findings: readonly Finding[] | null): AskedCheck {
  const { id, host, ask } = check;
  const finding = findings?.find((one) => one.check === id);
  const external = subjectOf(check.subject).kind === 'external';
  const about = { service, host, check: id, external, heartbeat: null };
  if (finding === undefined) {
    const asked = wordOf(ask);
    const detail = findings === null ? `${host} has no worker that answers` : 'its worker did not answer';
    return { ...about, asked, state: 'unknown', detail, tookMs: null };
  }
  const { asked, ok, detail, tookMs } = finding;
  return { ...about, asked, state: ok ? 'good' : 'bad', detail, tookMs };
}
