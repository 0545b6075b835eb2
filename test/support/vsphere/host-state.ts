/** What the stand-in for vim-cmd keeps of its host: one machine, its snapshots, and what is to go wrong. */

export interface HostState {
  power: 'on' | 'off';
  /** What is on the disk of the machine. */
  disk: string;
  shots: { id: number; name: string; description: string; disk: string; on: boolean }[];
  /** Tasks that ended, newest last, and the one that goes on. */
  tasks: { key: string; state: 'running' | 'success' | 'error'; user: string }[];
  /** What happens to the next call of a command. */
  trouble: { on: string; what: 'cut after the act' | 'cut before the act' | { fault: string; msg: string } } | null;
  /** Stands in place of what `device.getdevices` tells of its disk. */
  mode: string;
  /** The remark of the machine, which anybody may write. */
  remark: string;
  name: string;
  consolidation: boolean;
  /** Who logs in, as its tasks say. */
  user: string;
  /** Every command, with its words. */
  asked: string[][];
}

export const NEW_HOST: HostState = {
  power: 'on',
  disk: '',
  shots: [],
  tasks: [],
  trouble: null,
  mode: 'persistent',
  remark: '',
  name: 'notes vm',
  consolidation: false,
  user: 'root',
  asked: [],
};

export const UUID = '52d3c1a0-1111-2222-3333-444455556666';
