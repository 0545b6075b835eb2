/** Reads what vim-cmd prints. It is meant for people: what is not understood is refused, never guessed. */
import { AutopilotError } from '#kernel/errors.ts';
import type { GuestState, Storage } from '#sdk/kinds/hypervisor.ts';
import type { Disk, Shot } from './platform.ts';
import type { Fault } from './refusals.ts';
import type { Task } from './tasks.ts';

/** Numbers at the beginning of the rows. A remark of many lines may look like a row: each number is asked for anew. */
export function numbersIn(list: string): string[] {
  return [...new Set([...list.matchAll(/^(\d{1,9})\s+\S.*\.vmx\s/gm)].map(([, number = '']) => number))];
}

export interface Summary {
  name: string;
  uuid: string | null;
  template: boolean;
  state: GuestState;
  question: string | null;
  consolidation: boolean;
}

const STATES: Readonly<Record<string, GuestState>> = {
  poweredOn: 'running',
  poweredOff: 'stopped',
  suspended: 'paused',
};

/** Of `vmsvc/get.summary`. What users can write freely, the remark, stands behind all that is read here. */
export function summaryIn(text: string): Summary {
  const runtime = after(text, /^ {3}runtime = /m);
  const config = after(text, /^ {3}config = /m);
  const name = textOf(config, 'name');
  if (name === undefined) throw notUnderstood('vmsvc/get.summary');
  const connected = textOf(runtime, 'connectionState') === 'connected';
  const asked = /^ {6}question = \(vim\.vm\.QuestionInfo\) \{/m.test(runtime);
  return {
    name,
    uuid: textOf(config, 'instanceUuid') ?? null,
    template: wordOf(config, 'template') === 'true',
    state: connected ? (STATES[textOf(runtime, 'powerState') ?? ''] ?? 'unknown') : 'unknown',
    question: asked ? (textOf(after(runtime, /question = /), 'text') ?? 'a question') : null,
    consolidation: wordOf(runtime, 'consolidationNeeded') === 'true',
  };
}

const SHOT =
  /^[-| ]*Snapshot Name\s*: (.*)\n[-| ]*Snapshot Id\s*: (\d+)\n[-| ]*Snapshot Desc\w*\s*: ?((?:.*\n)+?)[-| ]*Snapshot Created On\s*: (.*)\n[-| ]*Snapshot State\s*: (.*)$/gm;

/** Of `vmsvc/snapshot.get`. A description may have many lines, and any text: a tree that is not whole is refused. */
export function shotsIn(text: string): Shot[] {
  const shots = [...text.matchAll(SHOT)].map(([, name = '', ref = '', description = '', created = '', state = '']) => ({
    ref,
    name: name.trimEnd(),
    description: description.trimEnd(),
    createdAt: instantOf(created),
    poweredOn: state.trim() === 'powered on',
  }));
  const heads = text.match(/^[-| ]*Snapshot Name\s*:/gm)?.length ?? 0;
  if (heads !== shots.length || new Set(shots.map(({ ref }) => ref)).size !== shots.length) {
    throw notUnderstood('vmsvc/snapshot.get');
  }
  return shots;
}

/** `8/10/2016 14:4:41`, in the time of the host, which is UTC. */
function instantOf(text: string): string | null {
  const [, month, day, year, hour, minute, second] =
    /^(\d+)\/(\d+)\/(\d{4}) (\d+):(\d+):(\d+)/.exec(text.trim())?.map(Number) ?? [];
  if (year === undefined || month === undefined) return null;
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second)).toISOString();
}

export function taskKeysIn(text: string): string[] {
  return [...text.matchAll(/'vim\.Task:([A-Za-z0-9._-]+)'/g)].map(([, key = '']) => key);
}

/** Of `vimsvc/task_info`. */
export function taskIn(key: string, text: string): Task {
  const state = textOf(text, 'state');
  if (state === undefined) throw notUnderstood('vimsvc/task_info');
  const ended = state === 'error' ? 'failed' : 'done';
  return {
    key,
    state: state === 'running' || state === 'queued' ? 'active' : ended,
    fault: faultIn(text) ?? { type: 'Fault', text: 'the task failed' },
    what: textOf(text, 'descriptionId') ?? textOf(text, 'name') ?? key,
    user: textOf(after(text, /reason = \(vim\.TaskReasonUser\)/), 'userName'),
  };
}

/** Of whatever printed one. */
export function faultIn(text: string): Fault | undefined {
  const type = /\((?:vim|vmodl)\.fault\.(\w+)\) *\{/.exec(text)?.[1];
  return type === undefined ? undefined : { type, text: textOf(text, 'msg') ?? '' };
}

const DISK =
  /\(vim\.vm\.device\.VirtualDisk\) \{[\s\S]*?label = "([^"]*)"[\s\S]*?backing = \(([\w.]+)\) \{([\s\S]*?)\n\s*\}/g;

/** Of `vmsvc/device.getdevices`. */
export function disksIn(text: string): Disk[] {
  return [...text.matchAll(DISK)].map(([, label = '', , backing = '']) => {
    const mode = textOf(backing, 'diskMode') ?? 'persistent';
    const raw = textOf(backing, 'compatibilityMode') === 'physicalMode' && !mode.startsWith('independent');
    return { label, mode, raw };
  });
}

/** Why the devices of a machine keep it from being snapshotted. */
export function deviceObstaclesIn(text: string): string[] {
  const shared = /sharedBus = "(?!noSharing)\w+"/.test(text);
  const handed = text.includes('(vim.vm.device.VirtualPCIPassthrough)');
  return [
    ...(shared ? ['shares a bus with other guests, which vSphere does not snapshot'] : []),
    ...(handed ? ['has a device of the host, with which vSphere does not snapshot it'] : []),
  ];
}

/** Of `hostsvc/hostsummary`. */
export function hostIn(text: string): { version: string; totalBytes: number | null; freeBytes: number | null } {
  const version = textOf(text, 'fullName');
  if (version === undefined) throw notUnderstood('hostsvc/hostsummary');
  const total = numberOf(text, 'memorySize');
  const used = numberOf(text, 'overallMemoryUsage');
  const free = total === null || used === null ? null : Math.max(0, total - used * 1024 * 1024);
  return { version, totalBytes: total, freeBytes: free };
}

/** Of `hostsvc/datastore/listsummary`. */
export function storagesIn(text: string): Storage[] {
  return text.split(/\(vim\.Datastore\.Summary\) *\{/).flatMap((part) => {
    const name = textOf(part, 'name');
    if (name === undefined) return [];
    const accessible = wordOf(part, 'accessible') !== 'false';
    const holds: Storage['holds'] = ['disks', 'snapshots'];
    const freeBytes = accessible ? numberOf(part, 'freeSpace') : null;
    return [{ name, holds, totalBytes: numberOf(part, 'capacity'), freeBytes }];
  });
}

function after(text: string, mark: RegExp): string {
  const found = mark.exec(text);
  return found === null ? '' : text.slice(found.index);
}

function textOf(text: string, key: string): string | undefined {
  return new RegExp(`^\\s*${key} = "(.*)",? *$`, 'm').exec(text)?.[1];
}

function wordOf(text: string, key: string): string | undefined {
  return new RegExp(`^\\s*${key} = (\\w+),? *$`, 'm').exec(text)?.[1];
}

function numberOf(text: string, key: string): number | null {
  const word = wordOf(text, key);
  return word === undefined || !/^\d+$/.test(word) ? null : Number(word);
}

function notUnderstood(command: string): AutopilotError {
  return new AutopilotError('HA_BAD_OUTPUT', `what  vim-cmd ${command}  prints is not understood`, {
    next: 'this version of ESXi may be too new or too old; please report it',
  });
}
