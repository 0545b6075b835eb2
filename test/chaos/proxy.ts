/** Stands between the workers and Redis, and can cut the connection, or let it hang half open. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createConnection, createServer } from 'node:net';

export type LineState = 'whole' | 'cut' | 'half-open';

export interface Proxy extends AsyncDisposable {
  port: number;
  /** `cut`: connections are reset and refused. `half-open`: they stay, and nothing passes any more. */
  set(state: LineState): void;
  /** Cuts all connections once, when so many more pieces have gone towards the target. */
  cutAfter(pieces: number): void;
}

/** @param target the unix socket, or the port of this machine, that connections are passed on to. */
export async function openProxy(target: string | number): Promise<Proxy> {
  let state: LineState = 'whole';
  let left = Number.POSITIVE_INFINITY;
  const pairs = new Set<[Socket, Socket]>();
  const hold = ([near, far]: [Socket, Socket], held: boolean) => {
    for (const socket of [near, far]) {
      if (held) socket.pause();
      else socket.resume();
    }
  };
  const drop = (pair: [Socket, Socket]) => {
    pairs.delete(pair);
    for (const socket of pair) socket.destroy();
  };
  const server = createServer((near) => {
    if (state === 'cut') {
      near.resetAndDestroy();
      return;
    }
    const far = typeof target === 'string' ? createConnection(target) : createConnection(target, '127.0.0.1');
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    near.on('data', () => {
      if (--left === 0) for (const each of [...pairs]) drop(each);
    });
    near.pipe(far);
    far.pipe(near);
    for (const socket of pair) {
      socket.on('error', () => drop(pair));
      socket.on('close', () => drop(pair));
    }
    if (state === 'half-open') hold(pair, true);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    port: address.port,
    set(next) {
      state = next;
      if (next === 'cut') for (const pair of [...pairs]) drop(pair);
      else for (const pair of pairs) hold(pair, next === 'half-open');
    },
    cutAfter(pieces) {
      left = pieces;
    },
    async [Symbol.asyncDispose]() {
      for (const pair of [...pairs]) drop(pair);
      server.close();
      await once(server, 'close');
    },
  };
}
