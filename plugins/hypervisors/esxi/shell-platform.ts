/** A host by vim-cmd, which also works where a licence makes the API read-only. */
import { AutopilotError } from '#kernel/errors.ts';
import { milliseconds } from '#sdk/duration.ts';
import { type EsxiTools, placeOf } from './config.ts';
import { NEEDS_CONSOLIDATION } from './devices.ts';
import { insist } from './insist.ts';
import type { Change, Machine, Platform } from './platform.ts';
import { refusal } from './refusals.ts';
import { Shell } from './shell.ts';
import { type Board, perform, type Sent, settled, type Task } from './tasks.ts';
import {
  deviceObstaclesIn,
  disksIn,
  faultIn,
  hostIn,
  numbersIn,
  type Summary,
  shotsIn,
  storagesIn,
  summaryIn,
  taskIn,
  taskKeysIn,
} from './vim-cmd.ts';

const POSSIBLE = ['list', 'power', 'snapshot', 'restore', 'resources'] as const;

export async function withShell<T>(tools: EsxiTools, work: (platform: Platform) => Promise<T>): Promise<T> {
  await using shell = new Shell(tools);
  return await work(platformOf(shell));
}

export async function inspect(tools: EsxiTools) {
  await using shell = new Shell(tools);
  const { version } = hostIn(await told(shell, ['hostsvc/hostsummary']));
  // Who may run vim-cmd may do all of it; what single guests do not allow is told for each.
  return { version, capabilities: POSSIBLE.map((name) => ({ name, possible: true, reason: '' })), warnings: [] };
}

export async function resources(tools: EsxiTools) {
  await using shell = new Shell(tools);
  const { totalBytes, freeBytes } = hostIn(await told(shell, ['hostsvc/hostsummary']));
  const storages = storagesIn(await told(shell, ['hostsvc/datastore/listsummary']));
  return { storages, memory: { totalBytes, freeBytes } };
}

function platformOf(shell: Shell): Platform {
  const summary = async ({ ref }: Machine) => summaryIn(await told(shell, ['vmsvc/get.summary', ref]));
  return {
    tools: shell.tools,
    machines: async () => await machines(shell),
    state: async (machine) => (await summary(machine)).state,
    shots: async ({ ref }) => shotsIn(await told(shell, ['vmsvc/snapshot.get', ref])),
    disks: async ({ ref }) => disksIn(await told(shell, ['vmsvc/device.getdevices', ref])),
    obstacles: async (machine) => await obstaclesOf(shell, machine, await summary(machine)),
    missing: async () => [],
    change: async ({ ref }, change) => await perform(boardOf(shell, ref), async () => await sent(shell, ref, change)),
    settled: async ({ ref }) => await settled(boardOf(shell, ref)),
  };
}

async function machines(shell: Shell): Promise<Machine[]> {
  const found: Machine[] = [];
  for (const ref of numbersIn(await told(shell, ['vmsvc/getallvms']))) {
    const words = ['vmsvc/get.summary', ref];
    const { code, text } = await asked(shell, words);
    // Removed meanwhile, or no number of a guest at all.
    if (code !== 0 && faultIn(text)?.type.endsWith('NotFound')) continue;
    const { name, uuid, template, state, question } = summaryIn(understood(shell, words, { code, text }));
    const lock = question === null ? null : `it waits for an answer: ${question}`;
    if (!template) found.push({ ref, name, uuid, state, node: null, lock });
  }
  return found;
}

async function obstaclesOf(shell: Shell, { ref }: Machine, { consolidation }: Summary): Promise<string[]> {
  const devices = await told(shell, ['vmsvc/device.getdevices', ref]);
  const task = (await boardOf(shell, ref).all()).find(({ state }) => state === 'active');
  return [
    ...(task === undefined ? [] : [`is held by a task (${task.what}); wait for that to end`]),
    ...(consolidation ? [NEEDS_CONSOLIDATION] : []),
    ...deviceObstaclesIn(devices),
  ];
}

function boardOf(shell: Shell, ref: string): Board {
  const one = async (key: string): Promise<Task | undefined> => {
    const said = await asked(shell, ['vimsvc/task_info', key]);
    return said.code === 0 ? taskIn(key, said.text) : undefined;
  };
  const keys = async () => taskKeysIn(await told(shell, ['vmsvc/get.tasklist', ref]));
  return {
    tools: shell.tools,
    user: shell.tools.config.ssh?.username ?? '',
    one,
    keys,
    async all() {
      const tasks: Task[] = [];
      for (const key of await keys()) {
        const task = await one(key);
        if (task !== undefined) tasks.push(task);
      }
      return tasks;
    },
  };
}

async function sent(shell: Shell, ref: string, change: Change): Promise<Sent> {
  const said = await shell.run(wordsOf(ref, change));
  if (said.kind === 'lost') return said;
  const fault = faultIn(said.text);
  if (said.code === 0 && fault === undefined) return { kind: 'begun' };
  return { kind: 'failed', fault: fault ?? { type: 'Fault', text: said.text } };
}

function wordsOf(ref: string, change: Change): string[] {
  switch (change.kind) {
    case 'snapshot':
      return ['vmsvc/snapshot.create', ref, change.name, change.description, change.memory ? '1' : '0', '0'];
    case 'revert':
      return ['vmsvc/snapshot.revert', ref, change.snapshot, '0'];
    case 'remove':
      return ['vmsvc/snapshot.remove', ref, change.snapshot];
    case 'power on':
      return ['vmsvc/power.on', ref];
    case 'power off':
      return ['vmsvc/power.off', ref];
    case 'shut down':
      return ['vmsvc/power.shutdown', ref];
  }
}

async function asked(shell: Shell, words: readonly string[]) {
  const { tools } = shell;
  const once = async () => shell.run(words, milliseconds(tools.config.timeout));
  return await insist(tools, once, 'see whether the host is on, and its SSH service runs');
}

async function told(shell: Shell, words: readonly string[]): Promise<string> {
  return understood(shell, words, await asked(shell, words));
}

function understood(
  { tools }: Shell,
  [command = '']: readonly string[],
  { code, text }: { code: number; text: string },
): string {
  if (code === 0) return text;
  if (code === 127) {
    throw new AutopilotError('HA_TOOL_MISSING', `${tools.name}: there is no vim-cmd on ${placeOf(tools)}`, {
      next: 'ssh: is for an ESXi host; a vCenter is reached by url:',
    });
  }
  throw refusal(tools, faultIn(text) ?? { type: 'Fault', text }, `run  vim-cmd ${command}`);
}
