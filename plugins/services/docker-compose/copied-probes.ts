/** The user's probes, asked of a copy of a project: those that go to a port which the project publishes on this host. */
import { hostname, networkInterfaces } from 'node:os';
import { goalOf } from '#sdk/probes/exchange.ts';
import type { Detour, Goal } from '#sdk/probes/route.ts';
import type { Probe } from '#sdk/probes.ts';
import type { ComposeTools } from './config.ts';
import { docker } from './docker.ts';
import { type Forward, forwardsOf } from './host-port.ts';
import type { ComposeModel } from './isolate.ts';
import type { Container } from './project.ts';

/** The ports of this host behind which a project is; its copy publishes none. */
export interface Doors {
  forwards: Forward[];
  /** The service that is in the host's own network: it has every port that no other has. Null: none, or several. */
  ofHost: string | null;
}

export function doorsOf({ services }: ComposeModel): Doors {
  const ofHost = Object.entries(services).flatMap(([name, { network_mode: mode }]) => (mode === 'host' ? [name] : []));
  return { forwards: forwardsOf(services), ofHost: ofHost.length === 1 ? (ofHost[0] ?? null) : null };
}

/** The containers of an engine without root are in a network of its own, into which the host has no way. */
export async function reachesContainers(tools: ComposeTools): Promise<boolean> {
  return !(await docker(tools, ['info', '--format', '{{json .SecurityOptions}}'])).includes('name=rootless');
}

/** Others would ask the service that lives. */
export function askable(probes: readonly Probe[], doors: Doors): Probe[] {
  return probes.filter((probe) => {
    const goal = goalIn(probe);
    return goal !== undefined && behind(doors, goal) !== undefined;
  });
}

function goalIn(probe: Probe): Goal | undefined {
  if (probe.type !== 'http' && probe.type !== 'tcp') return undefined;
  if (probe.external !== false) return undefined;
  return probe.type === 'http' ? goalOf(new URL(probe.url)) : probe;
}

function behind({ forwards, ofHost }: Doors, { host, port }: Goal): Omit<Forward, 'port'> | undefined {
  if (!isHere(host)) return undefined;
  const found = forwards.find((one) => one.port === port);
  return found ?? (ofHost === null ? undefined : { service: ofHost, target: port });
}

function isHere(host: string): boolean {
  if (/^(?:localhost|127(?:\.\d+){3}|::1|0\.0\.0\.0)$/i.test(host) || host === hostname()) return true;
  return Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === host));
}

/** Where the containers of a copy are now: one that was started again may have another address. */
export async function detourTo(tools: ComposeTools, containers: readonly Container[], doors: Doors): Promise<Detour> {
  const wanted = new Set([...doors.forwards.map(({ service }) => service), doors.ofHost]);
  const running = containers.filter(({ service, status }) => status === 'running' && wanted.has(service));
  const addresses = new Map<string, string>();
  for (const { id, service } of running) {
    // One that ended meanwhile has none.
    const address = await addressOf(tools, id).catch(() => undefined);
    if (address !== undefined) addresses.set(service, address);
  }
  return (goal) => {
    const door = behind(doors, goal);
    const host = door === undefined ? undefined : addresses.get(door.service);
    return door === undefined || host === undefined ? undefined : { host, port: door.target };
  };
}

async function addressOf(tools: ComposeTools, id: string): Promise<string | undefined> {
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}';
  const printed = await docker(tools, ['container', 'inspect', '--format', format, id]);
  return printed.split(/\s+/).find((address) => address !== '');
}
