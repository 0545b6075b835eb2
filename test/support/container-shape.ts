/** All that an engine knows of how a container is to be, without what is another one for each: to be compared. */
import type { TestEngine } from '#test/support/docker.ts';

interface Endpoint {
  IPAMConfig: unknown;
  Links: unknown;
  Aliases: string[] | null;
  MacAddress: string;
  DriverOpts: unknown;
}

interface Inspected {
  Id: string;
  Path: string;
  Args: string[];
  Platform: string;
  HostConfig: { Binds: unknown; Mounts: unknown };
  Config: { Hostname: string; Env: string[]; Labels: Record<string, string> };
  NetworkSettings: { Networks: Record<string, Endpoint> };
  Mounts: { Destination: string; Mode: string }[];
}

export async function composeShape(engine: TestEngine, container: string): Promise<object> {
  const [found] = JSON.parse(await engine.docker('container', 'inspect', container)) as Inspected[];
  if (found === undefined) throw new Error(`there is no container ${container}`);
  const { HostConfig, NetworkSettings, Mounts, Platform } = found;
  const networks = Object.entries(NetworkSettings.Networks).map(([name, endpoint]) => {
    const { IPAMConfig, Links, Aliases, MacAddress, DriverOpts } = endpoint;
    // The engine adds the short id of the container.
    const aliases = (Aliases ?? []).filter((alias) => !/^[0-9a-f]{12}$/.test(alias)).toSorted();
    return { name, IPAMConfig, Links, MacAddress, DriverOpts, aliases };
  });
  // Compose writes into the new container's settings which volumes it took over; what is mounted is compared below.
  const host = { ...HostConfig, Binds: null, Mounts: null };
  const mounts = Mounts.map((mount) => ({ ...mount, Mode: '' })).toSorted((one, other) =>
    one.Destination < other.Destination ? -1 : 1,
  );
  return { host, mounts, networks, Platform, settings: settingsOf(found) };
}

/** The command and the image are what an update changes. */
function settingsOf({ Id, Config: config }: Inspected): object {
  // Where Compose found its files is written as it was told them.
  const labels = Object.entries(config.Labels).filter(([label]) => !label.startsWith('com.docker.compose.'));
  return {
    ...config,
    // Where nobody has written one, it is the short id of the container.
    Hostname: Id.startsWith(config.Hostname) ? null : config.Hostname,
    Labels: Object.fromEntries(labels),
    // What docker-compose 1.29 tells a Swarm of old times.
    Env: config.Env.filter((one) => !one.startsWith('affinity:')),
    ...{ Image: null, Cmd: null, Volumes: null },
  };
}
