/** The controller from another process: what the command line talks to. */
import { z } from 'zod';
import { redisAddress } from '#app/redis-address.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import type { PauseState, Preview, RemoteController, RetryPreview } from '#engine/requests.ts';
import type { RunDetail, RunEvent, RunView } from '#engine/run.ts';
import { isTerminal } from '#engine/run.ts';
import type { Json } from '#kernel/json.ts';
import { connectRedis, reachRedis } from '#queue/connection.ts';
import { endOfEvents, readEvents } from '#queue/events.ts';
import { openAsker } from '#queue/requests.ts';
import type { Decision } from '#sdk/versions/decision.ts';

/** @throws AutopilotError HA_REDIS_UNREACHABLE; the calls themselves throw HA_NO_CONTROLLER. */
export async function connectController(settings: Settings): Promise<RemoteController> {
  const address = await redisAddress(settings.config, createSecretResolver(settings.config));
  const redis = await reachRedis(address);
  const asker = await openAsker(redis).catch((error: unknown) => {
    redis.disconnect();
    throw error;
  });
  // Answers come from a controller of the same product; their shape was made by the same types.
  const ask = async <T>(method: string, parameters: Json) => (await asker.ask({ method, parameters })) as T;

  return {
    enqueue: (request) => ask<RunView[]>('enqueue', z.json().parse(request)),
    preview: (request) => ask<Preview[]>('preview', z.json().parse(request)),
    runs: (query) => ask<RunView[]>('runs', z.json().parse(query)),
    run: (id) => ask<RunDetail>('run', { id }),
    cancel: (id) => ask<RunView>('cancel', { id }),
    retryPreview: (id, from) => ask<RetryPreview>('retryPreview', { id, from }),
    retry: (id, from) => ask<RunView>('retry', { id, from }),
    setPaused: (schedule, paused) => ask<PauseState>('setPaused', { schedule, paused }),
    decisions: (service) => ask<Decision[]>('decisions', { service }),
    decide: (request) => ask<Decision[]>('decide', z.json().parse(request)),
    unpin: (request) => ask<number>('unpin', z.json().parse(request)),

    async *follow(runs, signal) {
      const open = new Set(runs);
      const ended = new AbortController();
      const reader = connectRedis(address, 'worker');
      const until = AbortSignal.any([signal, ended.signal]);
      for await (const { events } of readEvents(reader, await endOfEvents(redis), until)) {
        for (const event of events) {
          if (!runs.includes(event.run)) continue;
          yield event;
          if (endsRun(event)) open.delete(event.run);
        }
        if (open.size === 0) ended.abort();
      }
    },

    async [Symbol.asyncDispose]() {
      await asker[Symbol.asyncDispose]();
      redis.disconnect();
    },
  };
}

function endsRun(event: RunEvent): boolean {
  return event.type === 'run' && isTerminal(event.status);
}
