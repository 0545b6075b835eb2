/** What a stand-in for Unraid acts on: a real Docker engine and a real libvirt, or a list in memory. */
import { z } from 'zod';
import { until } from '#kernel/wait.ts';
import type { TestEngine } from '#test/support/docker.ts';
import type { TestLibvirt } from '#test/support/libvirt.ts';

export type GuestType = 'container' | 'vm';

export interface Row {
  id: string;
  name: string;
  /** In the words of the API. */
  state: string;
  status: string;
}

export interface World {
  list(type: GuestType): Promise<Row[]>;
  /** Fails as the API does. */
  act(type: GuestType, how: string, id: string): Promise<void>;
}

export interface Real {
  engine?: TestEngine | undefined;
  libvirt?: TestLibvirt | undefined;
  /** How long a guest is waited for until it is switched off. The real one: 10. */
  stopSeconds?: number;
}

export function realWorld({ engine, libvirt, stopSeconds = 10 }: Real): World {
  const halves: Record<GuestType, Half> = {
    container: engine === undefined ? NOTHING : dockerWorld(engine, stopSeconds),
    vm: libvirt === undefined ? NOTHING : libvirtWorld(libvirt, stopSeconds),
  };
  return { list: (type) => halves[type].list(), act: (type, how, id) => halves[type].act(how, id) };
}

interface Half {
  list(): Promise<Row[]>;
  act(how: string, id: string): Promise<void>;
}

/** It runs, and has no guest. */
const NOTHING: Half = {
  list: async () => [],
  async act(how) {
    throw new Error(`nothing to ${how}`);
  },
};

const Listed = z.object({ ID: z.string(), Names: z.string(), State: z.string(), Status: z.string() });

function dockerWorld(engine: TestEngine, stopSeconds: number): Half {
  return {
    async list() {
      const lines = (await engine.docker('ps', '--all', '--no-trunc', '--format', '{{json .}}')).split('\n');
      return lines.filter(Boolean).map((line) => {
        const { ID, Names, State, Status } = Listed.parse(JSON.parse(line));
        const state = ['running', 'paused'].includes(State) ? State.toUpperCase() : 'EXITED';
        return { id: ID, name: `/${Names}`, state, status: Status };
      });
    },
    async act(how, id) {
      await engine.docker(how, ...(how === 'stop' ? ['--time', String(stopSeconds)] : []), id);
    },
  };
}

const VM_STATES: Record<string, string> = { running: 'RUNNING', paused: 'PAUSED', 'in shutdown': 'SHUTDOWN' };

function libvirtWorld({ virsh }: TestLibvirt, stopSeconds: number): Half {
  const stateOf = async (id: string) => VM_STATES[await virsh('domstate', id)] ?? 'SHUTOFF';
  return {
    async list() {
      const names = (await virsh('list', '--all', '--name')).split('\n').filter(Boolean);
      const rows = names.map(async (name) => {
        return { id: await virsh('domuuid', name), name, state: await stateOf(name), status: '' };
      });
      return await Promise.all(rows);
    },
    async act(how, id) {
      if (how === 'forceStop') return void (await virsh('destroy', id));
      const wanted = how === 'stop' ? 'SHUTOFF' : 'RUNNING';
      const state = await stateOf(id);
      if (state === wanted) throw new Error(transition(state, wanted));
      if (wanted === 'RUNNING') return void (await virsh(state === 'PAUSED' ? 'resume' : 'start', id));
      await virsh('shutdown', id);
      const isOff = async () => ((await stateOf(id)) === 'SHUTOFF' ? true : undefined);
      const off = await until(isOff, { timeoutMs: stopSeconds * 1000, everyMs: 1000 });
      if (off === undefined) await virsh('destroy', id);
    },
  };
}

function transition(from: string, to: string): string {
  return `Failed to set VM state: Invalid state transition from ${from} to ${to}`;
}

export interface MemoryWorld extends World {
  container: Row[];
  vm: Row[];
}

export const UUID = '0f2b4c6d-1111-4222-8333-444455556666';

export function memoryWorld(): MemoryWorld {
  const container = [{ id: 'c0ffee', name: '/notes', state: 'RUNNING', status: 'Up 2 days' }];
  const vm = [{ id: UUID, name: 'haos', state: 'RUNNING', status: '' }];
  const world: MemoryWorld = {
    container,
    vm,
    list: async (type) => world[type],
    async act(type, how, id) {
      const row = world[type].find((one) => one.id === id);
      if (row === undefined) throw new Error('no such guest');
      const off = type === 'vm' ? 'SHUTOFF' : 'EXITED';
      const wanted = /stop/i.test(how) ? off : 'RUNNING';
      if (row.state === wanted) throw new Error(transition(row.state, wanted));
      Object.assign(row, { state: wanted, status: wanted === 'EXITED' ? 'Exited (0) 1 second ago' : 'Up 1 second' });
    },
  };
  return world;
}
