/** A host or vCenter by its API. */
import { z } from 'zod';
import type { GuestState } from '#sdk/kinds/hypervisor.ts';
import { boardOf, locks } from './api-tasks.ts';
import { allOf, propertiesOf } from './collector.ts';
import type { EsxiTools } from './config.ts';
import { BUILD_PATHS, Build, disksOf, obstaclesOf } from './devices.ts';
import { element, Flag, list, type Ref, Reference, Text } from './markup.ts';
import type { Change, Machine, Platform, Shot } from './platform.ts';
import { missingOn } from './rights.ts';
import { ask, type Question, type Session, understood, withSession } from './session.ts';
import { perform, type Sent, settled } from './tasks.ts';

export async function withApi<T>(tools: EsxiTools, work: (platform: Platform) => Promise<T>): Promise<T> {
  return await withSession(tools, async (session) => await work(platformOf(session)));
}

function platformOf(session: Session): Platform {
  const build = async (machine: Machine) => await propertiesOf(session, vm(machine), Build, BUILD_PATHS);
  return {
    tools: session.tools,
    machines: async () => await machines(session),
    state: async (machine) => (await propertiesOf(session, vm(machine), Running, Object.keys(Running.shape)))[STATE],
    shots: async (machine) => shotsOf(await propertiesOf(session, vm(machine), Snapshots, ['snapshot'])),
    disks: async (machine) => disksOf(await build(machine)),
    obstacles: async (machine) => obstaclesOf(await build(machine)),
    missing: async (machine, rights) => await missingOn(session, vm(machine), rights),
    change: async (machine, change) => {
      const order = orderOf(vm(machine), change);
      // Its task may name the snapshot in place of its machine.
      return await perform(boardOf(session, [machine.ref, order.on.id]), async () => await sent(session, order));
    },
    settled: async ({ ref }) => await settled(boardOf(session, [ref])),
  };
}

function vm({ ref }: Pick<Machine, 'ref'>): Ref {
  return { type: 'VirtualMachine', id: ref };
}

const STATE = 'runtime.powerState';

const STATES: Readonly<Record<string, GuestState>> = {
  poweredOn: 'running',
  poweredOff: 'stopped',
  suspended: 'paused',
};

const Power = Text.default('').transform((state): GuestState => STATES[state] ?? 'unknown');

const Running = z.looseObject({ [STATE]: Power });

const Listed = Running.extend({
  name: Text,
  'runtime.connectionState': Text.default('connected'),
  'runtime.question': z.looseObject({ text: Text.default('') }).optional(),
  'runtime.host': Reference.optional(),
  'config.instanceUuid': Text.optional(),
  'config.template': Flag.default(false),
});

async function machines(session: Session): Promise<Machine[]> {
  const wanted = [
    { type: 'VirtualMachine', paths: Object.keys(Listed.shape) },
    { type: 'HostSystem', paths: ['name'] },
  ];
  const found = await allOf(session, wanted);
  const hosts = new Map(found.map(({ ref, properties }) => [ref.id, properties['name']]));
  const held = await locks(session);
  return found
    .filter(({ ref }) => ref.type === 'VirtualMachine')
    .map(({ ref, properties }) => {
      const one = understood(session.tools, Listed, { value: properties, what: `the properties of ${ref.id}` });
      return { ref: ref.id, one, lock: held.get(ref.id) ?? null };
    })
    .filter(({ one }) => !one['config.template'])
    .map(({ ref, one, lock }) => machineOf({ ref, one, lock, node: hosts.get(one['runtime.host']?.id ?? '') }));
}

interface Row {
  ref: string;
  one: z.output<typeof Listed>;
  lock: string | null;
  node: unknown;
}

function machineOf({ ref, one, lock, node }: Row): Machine {
  const question = one['runtime.question'];
  return {
    ref,
    name: plain(one.name),
    uuid: one['config.instanceUuid'] ?? null,
    // The state of a machine whose host is away is only what was known last.
    state: one['runtime.connectionState'] === 'connected' ? one[STATE] : 'unknown',
    node: typeof node === 'string' ? node : null,
    lock: question === undefined ? lock : `it waits for an answer: ${question.text}`,
  };
}

/** vSphere writes three signs of a name as they are written in a path. */
function plain(name: string): string {
  return name.replaceAll(/%(2f|5c|25)/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

interface Tree {
  snapshot: Ref;
  name: string;
  description: string;
  createTime: string;
  state: string;
  childSnapshotList: Tree[];
}

const Branch: z.ZodType<Tree> = z.looseObject({
  snapshot: Reference,
  name: Text,
  description: Text.default(''),
  createTime: Text.default(''),
  state: Text.default(''),
  get childSnapshotList() {
    return list(Branch);
  },
});

const Snapshots = z.looseObject({
  snapshot: z
    .looseObject({ rootSnapshotList: list(Branch) })
    .or(z.literal(''))
    .optional(),
});

function shotsOf({ snapshot }: z.output<typeof Snapshots>): Shot[] {
  return typeof snapshot === 'object' ? snapshot.rootSnapshotList.flatMap(shotsIn) : [];
}

function shotsIn({ snapshot, name, description, createTime, state, childSnapshotList }: Tree): Shot[] {
  const at = new Date(createTime);
  const createdAt = Number.isNaN(at.getTime()) ? null : at.toISOString();
  const shot = { ref: snapshot.id, name: plain(name), description, createdAt, poweredOn: state === 'poweredOn' };
  return [shot, ...childSnapshotList.flatMap(shotsIn)];
}

async function sent(session: Session, order: Question): Promise<Sent> {
  const reply = await ask(session, order);
  if (reply.kind === 'fault') return { kind: 'failed', fault: reply.fault };
  if (reply.kind === 'lost') return reply;
  const task = Reference.safeParse(reply.value);
  // A guest is told to shut down without a task; how far it is shows its state alone.
  return task.success ? { kind: 'task', key: task.data.id } : { kind: 'begun' };
}

function orderOf(on: Ref, change: Change): Question {
  switch (change.kind) {
    case 'snapshot':
      return {
        method: 'CreateSnapshot_Task',
        on,
        parts: [
          element('name', change.name),
          element('description', change.description),
          element('memory', change.memory),
          element('quiesce', false),
        ],
      };
    case 'revert':
      return { method: 'RevertToSnapshot_Task', on: shot(change.snapshot) };
    case 'remove':
      // Its children stay: they are snapshots of others, or of other runs.
      return { method: 'RemoveSnapshot_Task', on: shot(change.snapshot), parts: [element('removeChildren', false)] };
    case 'power on':
      return { method: 'PowerOnVM_Task', on };
    case 'power off':
      return { method: 'PowerOffVM_Task', on };
    case 'shut down':
      return { method: 'ShutdownGuest', on };
  }
}

function shot(id: string): Ref {
  return { type: 'VirtualMachineSnapshot', id };
}
