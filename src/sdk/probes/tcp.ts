/** The tcp probe: something accepts connections on a port. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { errorText, systemCode } from '#kernel/errors.ts';
import type { Seen } from '#sdk/probes/seen.ts';
import type { Tools } from '#sdk/tools.ts';

export interface TcpQuestion {
  host: string;
  port: number;
  timeoutMs: number;
}

export async function askTcp(tools: Tools, { host, port, timeoutMs }: TcpQuestion): Promise<Seen> {
  const signal = AbortSignal.any([tools.signal, AbortSignal.timeout(timeoutMs)]);
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect', { signal });
    return { ok: true, detail: 'connected' };
  } catch (error) {
    if (signal.aborted) return { ok: false, detail: 'no connection in time' };
    const refused = systemCode(error) === 'ECONNREFUSED';
    return { ok: false, detail: refused ? 'connection refused' : errorText(error) };
  } finally {
    // An error that comes after the answer (a reset) is of no interest, but must be caught.
    socket.on('error', () => undefined);
    socket.destroy();
  }
}
