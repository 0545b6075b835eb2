/** The container probe: what the Docker engine says of a container. */
import { z } from 'zod';
import { formatDuration } from '#kernel/duration.ts';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { DockerSocket } from '#sdk/docker/socket.ts';
import { Duration, milliseconds } from '#sdk/duration.ts';
import type { Seen } from '#sdk/probes/seen.ts';
import { timeout, Word } from '#sdk/probes/settings.ts';
import type { Tools } from '#sdk/tools.ts';

export const ContainerProbe = z.strictObject({
  type: z.literal('container'),
  name: Word.describe('Name or id of the container'),
  state: z
    .enum(['running', 'done'])
    .default('running')
    .describe('running: it runs, and is healthy if it has a health check; done: it has ended with status 0'),
  max_restarts: z.int().min(0).optional().describe('How often the engine may have restarted it since it was started'),
  settle: Duration.default('30s').describe(
    'How long a container that was restarted counts as crashing again and again',
  ),
  socket: DockerSocket,
  timeout,
});
type ContainerProbe = z.output<typeof ContainerProbe>;

/** What is known of one, for whoever judges it. */
export interface ContainerFacts {
  status: string;
  exitCode: number;
  /** Null: the container has no health check. */
  health: string | null;
  /** Restart policy: `no`, `always`, … */
  restart: string;
}

/** How a container is that should run, or that had one thing to do and did it. */
export function judgeContainer(container: ContainerFacts): Seen {
  const { status, health, exitCode } = container;
  if (status === 'running') {
    return health === null
      ? { ok: true, detail: 'running' }
      : { ok: health === 'healthy', detail: `running, ${health}` };
  }
  if (status !== 'exited') return { ok: false, detail: status };
  return { ok: isOneShot(container), detail: `ended with status ${exitCode}` };
}

/** It had one thing to do and did it. One that Docker is to keep running has no business to end, however well it did. */
export function isOneShot({ status, restart, exitCode }: Omit<ContainerFacts, 'health'>): boolean {
  return status === 'exited' && exitCode === 0 && (restart === 'no' || restart === '' || restart === 'on-failure');
}

/** A health check that was switched off is told as `none`. */
export function healthOf(health: { Status: string } | null | undefined): string | null {
  const status = health?.Status ?? '';
  return status === 'none' || status === '' ? null : status;
}

const Inspected = z.object({
  id: z.string(),
  restart: z.string(),
  restarts: z.int(),
  state: z.object({
    Status: z.string(),
    ExitCode: z.int(),
    StartedAt: z.string(),
    FinishedAt: z.string(),
    OOMKilled: z.boolean().default(false),
    Health: z.object({ Status: z.string() }).nullish(),
  }),
});
export type Inspected = z.output<typeof Inspected>;

const FORMAT =
  '{"id":{{json .Id}},"restart":{{json .HostConfig.RestartPolicy.Name}},"restarts":{{json .RestartCount}},"state":{{json .State}}}';

/** @returns undefined when there is none of that name. */
export async function inspectContainer(
  tools: Pick<Tools, 'exec'>,
  { name, socket: at, timeoutMs }: { name: string; socket: string; timeoutMs: number },
): Promise<Inspected | undefined> {
  const words = ['container', 'inspect', '--format', FORMAT, '--', name];
  try {
    const { stdout } = await tools.exec(['docker', ...words], { timeoutMs, env: { DOCKER_HOST: `unix://${at}` } });
    return Inspected.parse(JSON.parse(stdout));
  } catch (error) {
    if (error instanceof AutopilotError && /no such container/i.test(errorText(error))) return undefined;
    throw error;
  }
}

export async function askContainer(tools: Tools, probe: ContainerProbe): Promise<Seen> {
  const found = await inspectContainer(tools, { ...probe, timeoutMs: milliseconds(probe.timeout) });
  if (found === undefined) return { ok: false, detail: 'there is no such container' };
  const began = `${found.id} ${found.state.StartedAt} ${found.restarts}`;
  return { ...(probe.state === 'done' ? judgeDone(found) : judgeRunning(found, probe, tools.now())), began };
}

function judgeDone({ state }: Inspected): Seen {
  if (state.Status === 'exited') return { ok: state.ExitCode === 0, detail: `ended with status ${state.ExitCode}` };
  return { ok: false, detail: state.Status };
}

function judgeRunning({ state, restart, restarts }: Inspected, probe: ContainerProbe, now: Date): Seen {
  const facts = { status: state.Status, exitCode: state.ExitCode, health: healthOf(state.Health), restart };
  const { ok, detail } = judgeContainer(facts);
  const memory = state.OOMKilled ? ', for want of memory' : '';
  const times = restarts === 1 ? 'once' : `${restarts} times`;
  if (!ok || state.Status !== 'running') {
    const again = restarts === 0 ? '' : `, restarted ${times} so far`;
    return { ok: false, detail: `${detail}${memory}${again}` };
  }
  if (probe.max_restarts !== undefined && restarts > probe.max_restarts) {
    return { ok: false, detail: `${detail}, but it was restarted ${times}; at most ${probe.max_restarts} is good` };
  }
  const upMs = Math.max(0, now.getTime() - Date.parse(state.StartedAt));
  if (restarts > 0 && upMs < milliseconds(probe.settle)) {
    const ago = formatDuration(Math.floor(upMs / 1_000) * 1_000);
    return { ok: false, detail: `crashes again and again: restarted ${times}, the last time ${ago} ago` };
  }
  return { ok: true, detail };
}
