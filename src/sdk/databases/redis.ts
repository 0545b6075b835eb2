/** Redis and Valkey by their own client: a snapshot as for a replica, put back while the server does not run. */
import type { Dump } from '#sdk/databases/dump.ts';
import type { Dumped, DumpJob, Engine } from '#sdk/databases/engine.ts';
import { loadIntoContainer } from '#sdk/databases/redis-container.ts';
import { loadHere } from '#sdk/databases/redis-files.ts';
import {
  askRedis,
  cli,
  keysOf,
  nameOf,
  type RedisServer,
  requireKeys,
  settingsOf,
} from '#sdk/databases/redis-server.ts';
import { ask, unanswered } from '#sdk/databases/server.ts';
import { type DumpFile, writeTo } from '#sdk/databases/stream.ts';
import { ends, invalidDump } from '#sdk/databases/watch.ts';

export function redis(server: RedisServer): Engine {
  return {
    jobs: async () => [job(server)],
    ready: async () => undefined,
    load: async (dump, path) => await load(server, dump, path),
  };
}

async function load(server: RedisServer, dump: Dump, path: string): Promise<void> {
  const { container } = server;
  if (container === null) await loadHere(server, path);
  else await loadIntoContainer(server, container, { dump, path });
  await requireKeys(server, dump);
}

/** A server has numbered databases, and one snapshot of all of them. */
function job(server: RedisServer): DumpJob {
  return { name: nameOf(server), ending: 'rdb', dump: async (file) => await dump(server, file) };
}

async function dump(server: RedisServer, file: DumpFile): Promise<Dumped> {
  const { place, tools } = server;
  const told = await askRedis(server, 'server');
  const keys = await keysOf(server);
  const tool = await ask(server, [cli(server)[0], '--version']);
  const settings = await settingsOf(server);
  const detail = { ...settings, ...(await ownerOf(server, settings)) };
  const { argv, env = {} } = server.run(cli(server, '--rdb', '-'));
  const child = tools.spawn(argv, { env, stdout: 'pipe', timeoutMs: file.timeoutMs });
  const watch = ends();
  const written = await writeTo(tools, file, {
    pieces: withoutMark(child.stdout ?? []),
    watch,
    source: child,
  }).catch((error: unknown) => {
    throw unanswered(server, error, argv[0]);
  });
  requireSnapshot(`${nameOf(server)} at ${place}`, watch);
  const version = told.get('valkey_version') ?? told.get('redis_version') ?? '';
  return { ...written, name: nameOf(server), place, server: version, tool, tables: keys, detail };
}

/** In a container the server may run as somebody whom only the container knows. */
async function ownerOf(server: RedisServer, { dir = '/data' }: { dir?: string }): Promise<{ owner?: string }> {
  if (server.container === null) return {};
  const owner = await ask(server, ['stat', '-c', '%u:%g', dir]).catch(() => undefined);
  return owner === undefined ? {} : { owner };
}

/** A server that sends while it writes marks the end with forty characters, which are no part of the snapshot. */
const MARK_BYTES = 40;
const CHECKSUM_BYTES = 8;
const END_CODE = 0xff;

/** Keeps back the end of what comes, until it is known to be the end. */
async function* withoutMark(pieces: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<Buffer> {
  const reserve = MARK_BYTES + CHECKSUM_BYTES + 1;
  let held: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    const all = Buffer.concat([held, piece]);
    const sure = Math.max(0, all.length - reserve);
    held = Buffer.from(all.subarray(sure));
    if (sure > 0) yield all.subarray(0, sure);
  }
  const mark = held.subarray(-MARK_BYTES).toString('latin1');
  const isMarked = held.length === reserve && held[0] === END_CODE && /^[0-9a-f]{40}$/.test(mark);
  yield isMarked ? held.subarray(0, -MARK_BYTES) : held;
}

function requireSnapshot(what: string, { head, tail }: ReturnType<typeof ends>): void {
  if (!/^(?:REDIS|VALKEY)/.test(head().subarray(0, 6).toString('latin1'))) throw invalidDump(what, 'it is no snapshot');
  const end = tail();
  if (end[end.length - CHECKSUM_BYTES - 1] !== END_CODE) throw invalidDump(what, 'it was cut short');
}
