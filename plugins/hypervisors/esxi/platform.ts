/** What is done with a host, whichever way it is reached: the API of vSphere, or vim-cmd through SSH. */
import type { GuestState } from '#sdk/kinds/hypervisor.ts';
import type { EsxiTools } from './config.ts';
import type { Fault } from './refusals.ts';

export interface Machine {
  /** The platform's own handle: a managed object's id, or the number that vim-cmd takes. It is no name for users. */
  ref: string;
  name: string;
  /** Null when the machine's own files cannot be read now. */
  uuid: string | null;
  state: GuestState;
  node: string | null;
  lock: string | null;
}

/** A snapshot, whoever made it. Names are not unique: only the handle is. */
export interface Shot {
  ref: string;
  name: string;
  description: string;
  createdAt: string | null;
  /** As the platform tells it: on when the memory is in it. */
  poweredOn: boolean;
}

export interface Disk {
  label: string;
  /** `persistent`, or one of the independent modes that no snapshot holds. */
  mode: string;
  /** A raw device handed through as it is, of which nothing can be kept. */
  raw: boolean;
}

export type Change =
  | { kind: 'snapshot'; name: string; description: string; memory: boolean }
  | { kind: 'revert'; snapshot: string }
  | { kind: 'remove'; snapshot: string }
  | { kind: 'power on' }
  | { kind: 'power off' }
  | { kind: 'shut down' };

/** `unknown`: an answer was lost; only a look at the guest tells. */
export type End = { kind: 'done' } | { kind: 'failed'; fault: Fault } | { kind: 'unknown'; text: string };

export interface Platform {
  tools: EsxiTools;
  machines(): Promise<Machine[]>;
  /** @throws AutopilotError HA_NOT_FOUND when it is gone. */
  state(machine: Machine): Promise<GuestState>;
  shots(machine: Machine): Promise<Shot[]>;
  disks(machine: Machine): Promise<Disk[]>;
  /** What keeps a machine from being snapshotted, besides its disks, in words that complete "the guest NAME …". */
  obstacles(machine: Machine): Promise<string[]>;
  /** Rights that are missing on a machine for what is named. */
  missing(machine: Machine, rights: readonly string[]): Promise<string[]>;
  /** Asks for a change once, and follows it to its end. */
  change(machine: Machine, change: Change): Promise<End>;
  /** Lets end what an earlier execution of ours began. */
  settled(machine: Machine): Promise<void>;
}

/** The right that each change needs, as vSphere names it. */
export const RIGHTS: Readonly<Record<Change['kind'], string>> = {
  snapshot: 'VirtualMachine.State.CreateSnapshot',
  revert: 'VirtualMachine.State.RevertToSnapshot',
  remove: 'VirtualMachine.State.RemoveSnapshot',
  'power on': 'VirtualMachine.Interact.PowerOn',
  'power off': 'VirtualMachine.Interact.PowerOff',
  'shut down': 'VirtualMachine.Interact.PowerOff',
};
