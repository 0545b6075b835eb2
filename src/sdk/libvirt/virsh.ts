/** Asks one libvirt with `virsh`, wherever that runs, with errors that say what is wrong. */
import { AutopilotError, type ErrorCode } from '#kernel/errors.ts';
import type { ExecResult, Tools } from '#sdk/tools.ts';

export interface Virsh {
  tools: Tools;
  /** @returns what it printed. */
  run(words: readonly string[]): Promise<string>;
  /** @returns undefined when what was asked for is not there. */
  look(words: readonly string[]): Promise<string | undefined>;
}

/** How a libvirt is reached. */
export interface VirshWay {
  /** How messages call it. */
  place: string;
  /** Runs virsh with these words, untranslated: its words for errors are read. Exit status 1 is a result. */
  ask(words: readonly string[]): Promise<ExecResult>;
}

export function openVirsh(tools: Tools, { place, ask }: VirshWay): Virsh {
  const trouble = (words: readonly string[], stderr: string) => troubleOf({ name: tools.name, place }, words, stderr);
  return {
    tools,
    async run(words) {
      const { code, stdout, stderr } = await ask(words);
      if (code !== 0) throw trouble(words, stderr);
      return stdout;
    },
    async look(words) {
      const { code, stdout, stderr } = await ask(words);
      if (code === 0) return stdout;
      if (/failed to get domain|domain not found|snapshot not found|no domain snapshot/i.test(stderr)) return undefined;
      throw trouble(words, stderr);
    },
  };
}

const REFUSED = 'give this user the right (group libvirt), or run the worker as root';

const KNOWN: readonly { pattern: RegExp; code: ErrorCode; next?: string }[] = [
  { pattern: /host key verification failed/i, code: 'HA_REMOTE_REFUSED', next: 'find out why its key changed' },
  {
    pattern: /authentication (unavailable|failed)|permission denied|access denied|read only/i,
    code: 'HA_REMOTE_REFUSED',
    next: REFUSED,
  },
  { pattern: /no space left/i, code: 'HA_NO_SPACE', next: 'make room where the disks of the guest lie' },
  {
    pattern:
      /failed to connect|cannot recv data|end of file|connection re(set|fused)|unable to connect|client socket is closed/i,
    code: 'HA_REMOTE_UNREACHABLE',
    next: 'start libvirt there (systemctl start libvirtd), or correct its address',
  },
  { pattern: /not supported|unsupported/i, code: 'HA_REMOTE_REFUSED' },
];

interface Asked {
  name: string;
  place: string;
}

function troubleOf({ name, place }: Asked, words: readonly string[], stderr: string): AutopilotError {
  const said = stderr
    .split('\n')
    .map((line) => line.replace(/^error: /, '').trim())
    .filter((line) => line !== '')
    .join('; ');
  const known = KNOWN.find(({ pattern }) => pattern.test(stderr));
  const asked = words[0] ?? 'virsh';
  const lost = known?.code === 'HA_REMOTE_UNREACHABLE' ? `; whether ${asked} was done is not known` : '';
  return new AutopilotError(
    known?.code ?? 'HA_COMMAND_FAILED',
    `${name}: ${place}: ${asked}: ${said}${lost}`,
    known?.next === undefined ? {} : { next: known.next },
  );
}
