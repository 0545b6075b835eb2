/** What tests of the host room stand on: real processes, a real folder, a log that is kept. */
import { readdir, readFile } from 'node:fs/promises';
import { createCatalog } from '#host/catalog.ts';
import { Processes } from '#host/exec.ts';
import { createMasker } from '#host/mask.ts';
import type { ActionStep } from '#host/perform.ts';
import type { HostPorts, StepVoice } from '#host/ports.ts';
import type { Priority } from '#host/priority.ts';
import { until } from '#kernel/wait.ts';
import type { Kind, KindName, Plugin } from '#sdk/contract.ts';
import type { Log, Progress } from '#sdk/tools.ts';
import { type TempDir, tempDir } from '#test/support/tmp.ts';

export interface LogLine {
  level: keyof Log;
  message: string;
  fields: Record<string, unknown> | undefined;
}

export interface Stage extends AsyncDisposable {
  folder: string;
  processes: Processes;
  ports: HostPorts;
  lines: LogLine[];
  progress: Progress[];
  voice: StepVoice;
  /** What `Processes` is told of its caller, with a signal that a test may fire. */
  caller(signal?: AbortSignal): { signal: AbortSignal; log: Log; mask(text: string): string };
}

export interface StageSettings {
  plugins?: readonly Plugin[];
  kinds?: Record<KindName, Kind>;
  priority?: Priority;
  secrets?: Record<string, string>;
  /** A directory that is there and stays, instead of one of its own. */
  folder?: string;
}

export async function openStage(settings: StageSettings = {}): Promise<Stage> {
  const directory = settings.folder === undefined ? await tempDir() : kept(settings.folder);
  const processes = new Processes({ priority: settings.priority ?? { nice: 0, ionice: 'none' }, graceMs: 300 });
  const masker = createMasker();
  const lines: LogLine[] = [];
  const progress: Progress[] = [];
  const write = (level: keyof Log) => (message: string, fields?: Record<string, unknown>) => {
    lines.push({ level, message, fields });
  };
  const log: Log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  const ports: HostPorts = {
    catalog: createCatalog(settings.plugins ?? [], settings.kinds === undefined ? {} : { known: settings.kinds }),
    processes,
    masker,
    host: 'nas',
    stateDir: directory.path,
    now: () => new Date(),
    secret: async ({ $secret }) => settings.secrets?.[$secret.path] ?? '',
  };
  return {
    folder: directory.path,
    processes,
    ports,
    lines,
    progress,
    voice: { log, progress: (told) => void progress.push(told) },
    caller: (signal = new AbortController().signal) => ({ signal, log, mask: (text) => masker.text(text) }),
    async [Symbol.asyncDispose]() {
      await processes[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

function kept(path: string): TempDir {
  return { path, [Symbol.asyncDispose]: async () => undefined };
}

/** A step as the queue would hand it over. */
export function stepOf(stage: Stage, parts: Pick<ActionStep, 'plugin' | 'action'> & Partial<ActionStep>): ActionStep {
  const defaults = { uses: [], input: {}, key: 'run1/step', timeoutMs: 60_000, mayHaveRun: false, voice: stage.voice };
  return { ...defaults, ...parts };
}

/** The processes (zombies aside) that have `marker` in their command line. */
export async function processesWith(marker: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [commandLine, parents] = [await commandLineOf(pid), await commandLineOf(await parentOf(pid))];
      // One that a shell has forked looks like the shell until it becomes its own program.
      return commandLine.includes(marker) && commandLine !== parents ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

async function commandLineOf(pid: string): Promise<string> {
  return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
}

async function parentOf(pid: string): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? '';
}

/** Waits until as many processes with the marker run. @returns how many there are in the end. */
export async function processCount(marker: string, wanted: number): Promise<number> {
  await until(async () => (await processesWith(marker)).length === wanted || undefined, { timeoutMs: 20_000 });
  return (await processesWith(marker)).length;
}
