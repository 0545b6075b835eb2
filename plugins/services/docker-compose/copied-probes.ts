/** The user's probes, asked of a copy of a project: those that go to a port which the project publishes on this host. */
import { hostname, networkInterfaces } from 'node:os';
import { isLoopbackName } from '#sdk/address.ts';
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
  if (isLoopbackName(host) || host === '0.0.0.0' || host === hostname()) return true;
  return Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === host));
}

/** To where the containers of a copy are now: one that was started again may have another address. */
export function detourTo(containers: readonly Container[], doors: Doors): Detour {
  return (goal) => {
    const door = behind(doors, goal);
    const here = containers.find(({ service, status }) => service === door?.service && status === 'running');
    if (door === undefined || here === undefined || here.address === null) return undefined;
    return { host: here.address, port: door.target };
  };
}
