/** Docker Engine: a plain container as a guest, whose snapshot is its image, configuration and volumes together. */
import { statfs } from 'node:fs/promises';
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { find, guestOf, listGuests, start, stop } from '#sdk/docker/container.ts';
import { connect as dial, type Engine } from '#sdk/docker/engine.ts';
import { restoreSnapshot } from '#sdk/docker/restore.ts';
import { canSnapshot, deleteSnapshot, listSnapshots, makeSnapshot } from '#sdk/docker/snapshot.ts';
import { hypervisor } from '#sdk/kinds/hypervisor.ts';
import type { Tools } from '#sdk/tools.ts';
import { Config } from './config.ts';

const Version = z.object({ Version: z.string(), ApiVersion: z.string() });
const Info = z.object({ MemTotal: z.number().int().nonnegative(), DockerRootDir: z.string() });

const POSSIBLE = ['list', 'power', 'snapshot', 'restore', 'resources'] as const;

export const plugin = hypervisor.define({
  id: 'docker',
  title: 'Docker Engine',
  config: Config,
  actions: {
    async inspect(tools) {
      const { Version: version, ApiVersion } = await (await connect(tools)).ask(Version, '/version');
      return {
        version: `Docker ${version}, API ${ApiVersion}`,
        // Who may use the engine may do all of it.
        capabilities: POSSIBLE.map((name) => ({ name, possible: true, reason: '' })),
        warnings: [],
      };
    },

    async resources(tools) {
      const { MemTotal, DockerRootDir } = await (await connect(tools)).ask(Info, '/info');
      const isHere = tools.config.tls === undefined && tools.config.ssh === undefined;
      const room = isHere ? await statfs(DockerRootDir).catch(() => undefined) : undefined;
      const bytes = (blocks: bigint | number | undefined) => Number(blocks ?? 0) * (room?.bsize ?? 0);
      return {
        storages: [
          {
            name: DockerRootDir,
            holds: ['disks', 'snapshots'],
            totalBytes: room === undefined ? null : bytes(room.blocks),
            freeBytes: room === undefined ? null : bytes(room.bavail),
          },
        ],
        memory: { totalBytes: MemTotal, freeBytes: null },
      };
    },

    listGuests: async (tools) => ({ guests: await listGuests(await connect(tools)) }),

    async findGuest(tools, { guest }) {
      const { Name, State } = await find(await connect(tools), guest);
      return { guest: guestOf(Name, State.Status) };
    },

    canSnapshot: async (tools, { guest }) => canSnapshot(await connect(tools), guest),

    async ensureState(tools, { guest, state, graceMs, force }) {
      const engine = await connect(tools);
      if (state === 'running') return { changed: await start(engine, await find(engine, guest)) };
      return stopGuest(engine, { guest, graceMs, force });
    },

    async listSnapshots(tools, { guest }) {
      const engine = await connect(tools);
      await find(engine, guest);
      return { snapshots: await listSnapshots(engine, guest) };
    },

    snapshot: async (tools, name) => makeSnapshot(await connect(tools), name),
    restoreSnapshot: async (tools, { state, ...name }) => restoreSnapshot(await connect(tools), name, state),
    deleteSnapshot: async (tools, name) => deleteSnapshot(await connect(tools), name),
  },
});

function connect(tools: Tools<z.output<typeof Config>>): Promise<Engine> {
  return dial(tools, tools.config);
}

/** What a container says when it was killed. */
const KILLED = 137;

async function stopGuest(
  engine: Engine,
  { guest, graceMs, force }: { guest: string; graceMs: number; force: boolean },
): Promise<{ changed: boolean; forced: boolean }> {
  const container = await find(engine, guest);
  if (force) {
    const changed = await stop(engine, container, graceMs);
    const { State } = await find(engine, guest);
    return { changed, forced: changed && State.ExitCode === KILLED };
  }
  // Docker waits for ever, and we for as long as we were told.
  const late = new AutopilotError('HA_CHECK_FAILED', `${engine.tools.name}: ${guest} was told to stop and still runs`, {
    next: `see  docker logs ${guest} , or stop it by force`,
  });
  try {
    const path = `/containers/${container.Id}/stop`;
    const changed = await engine.change('POST', path, {
      query: { t: -1 },
      already: [304],
      timeoutMs: Math.max(graceMs, 1),
    });
    return { changed, forced: false };
  } catch (error) {
    const { State } = await find(engine, guest);
    if (!State.Running) return { changed: true, forced: false };
    throw error instanceof AutopilotError && error.code === 'HA_REMOTE_UNREACHABLE' ? late : error;
  }
}
