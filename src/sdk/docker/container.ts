/** A container as a guest: what the engine tells of it, and how it is found by its name. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { type Engine, statusOf } from '#sdk/docker/engine.ts';
import type { Guest, GuestState } from '#sdk/kinds/hypervisor.ts';

const Json = z.record(z.string(), z.json());

const Mount = z.object({
  Type: z.string(),
  Name: z.string().optional(),
  Source: z.string().default(''),
  Destination: z.string(),
});
export type Mount = z.output<typeof Mount>;

const Network = z.looseObject({
  IPAMConfig: z.json().optional(),
  Links: z.array(z.string()).nullish(),
  Aliases: z.array(z.string()).nullish(),
  DriverOpts: z.json().optional(),
  MacAddress: z.string().default(''),
});

/** What is passed through untouched is held as it came. */
export const Container = z.object({
  Id: z.string(),
  Name: z.string().transform((name) => name.replace(/^\//, '')),
  Image: z.string(),
  Config: Json,
  HostConfig: Json,
  Mounts: z.array(Mount),
  NetworkSettings: z.object({ Networks: z.record(z.string(), Network).nullish() }),
  State: z.object({
    Status: z.string(),
    Running: z.boolean(),
    Paused: z.boolean().default(false),
    ExitCode: z.number().default(0),
  }),
});
export type Container = z.output<typeof Container>;

const Listed = z.array(z.object({ Names: z.array(z.string()), State: z.string() }));

/** Undefined: there is none of this name. */
export async function lookFor(engine: Engine, guest: string): Promise<Container | undefined> {
  try {
    const found = await engine.ask(Container, `/containers/${encodeURIComponent(guest)}/json`);
    if (found.Name === guest) return found;
    throw new AutopilotError('HA_NOT_FOUND', `${engine.tools.name}: "${guest}" is not the name of a container`, {
      next: `an id changes when a container is made anew; write its name: ${found.Name}`,
    });
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

export async function find(engine: Engine, guest: string): Promise<Container> {
  const found = await lookFor(engine, guest);
  if (found !== undefined) return found;
  throw new AutopilotError('HA_NOT_FOUND', `${engine.tools.name}: there is no container "${guest}"`, {
    next: 'see the names with  docker ps --all --format {{.Names}}',
  });
}

export async function listGuests(engine: Engine): Promise<Guest[]> {
  const containers = await engine.ask(Listed, '/containers/json', { all: true });
  return containers.flatMap(({ Names, State }) => {
    const name = Names.map((one) => one.slice(1)).find((one) => !one.includes('/'));
    return name === undefined ? [] : [guestOf(name, State)];
  });
}

export function guestOf(name: string, status: string): Guest {
  return { id: name, name, type: 'container', state: stateOf(status), node: null, lock: null };
}

function stateOf(status: string): GuestState {
  switch (status) {
    case 'running':
    case 'paused':
      return status;
    case 'created':
    case 'exited':
    case 'dead':
      return 'stopped';
    case 'restarting':
    case 'removing':
      return 'changing';
    default:
      return 'unknown';
  }
}

/** How long a container has to start or to be stopped past its grace. */
const SLACK_MS = 30_000;

export async function start(engine: Engine, { Id }: Pick<Container, 'Id'>): Promise<boolean> {
  return engine.change('POST', `/containers/${Id}/start`, { already: [304], timeoutMs: SLACK_MS });
}

/** Asks it to stop with its own signal; kills it when its own time, or the given one, is up. */
export async function stop(engine: Engine, container: Container, graceMs?: number): Promise<boolean> {
  const own = z.number().catch(10).parse(container.Config['StopTimeout']);
  const seconds = graceMs === undefined ? own : Math.ceil(graceMs / 1000);
  return engine.change('POST', `/containers/${container.Id}/stop`, {
    query: { t: seconds },
    already: [304],
    timeoutMs: seconds * 1000 + SLACK_MS,
  });
}
