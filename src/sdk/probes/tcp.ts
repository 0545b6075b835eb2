/** The tcp probe: something accepts connections on a port. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { milliseconds } from '#sdk/duration.ts';
import { connectError, type Detour, open } from '#sdk/probes/route.ts';
import type { Seen } from '#sdk/probes/seen.ts';
import { external, timeout } from '#sdk/probes/settings.ts';
import type { Tools } from '#sdk/tools.ts';

export const TcpProbe = z.strictObject({
  type: z.literal('tcp'),
  host: z.string().min(1).default('127.0.0.1'),
  port: z.int().min(1).max(65_535),
  external,
  timeout,
});

export async function askTcp(tools: Tools, probe: z.output<typeof TcpProbe>, detour?: Detour): Promise<Seen> {
  const signal = AbortSignal.any([tools.signal, AbortSignal.timeout(milliseconds(probe.timeout))]);
  const route = typeof probe.external === 'object' ? probe.external : undefined;
  try {
    const socket = await open(tools, probe, { route, detour, signal });
    // An error that comes after the answer (a reset) is of no interest, but must be caught.
    socket.on('error', () => undefined);
    socket.destroy();
    return { ok: true, detail: 'connected' };
  } catch (error) {
    tools.signal.throwIfAborted();
    if (signal.aborted) return { ok: false, detail: 'no connection in time' };
    return { ok: false, detail: error instanceof AutopilotError ? error.message : connectError(error) };
  }
}
