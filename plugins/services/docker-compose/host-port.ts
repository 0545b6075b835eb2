/** Ports of the host that containers publish, however they are written. */
import { parse } from 'yaml';
import { z } from 'zod';

export const HostPort = z.object({
  /** Empty: all addresses of the host. */
  ip: z.string(),
  port: z.int().min(1).max(65_535),
  protocol: z.enum(['tcp', 'udp']),
});
export type HostPort = z.output<typeof HostPort>;

const Config = z.object({
  services: z.record(z.string(), z.looseObject({ ports: z.array(z.unknown()).nullish() })).default({}),
});

const LongForm = z.object({
  published: z.union([z.string(), z.number()]),
  target: z.union([z.string(), z.number()]).default(''),
  host_ip: z.string().default(''),
  protocol: z.string().default('tcp'),
});

/** Of what `docker compose config` prints. A port that the engine is to choose, and a range, cannot be looked at. */
export function portsInConfig(text: string): HostPort[] {
  const config = Config.safeParse(parse(text));
  const written = Object.values(config.data?.services ?? {}).flatMap(({ ports }) => ports ?? []);
  return written.flatMap(published).flatMap(({ ip, port, protocol }) => hostPort(ip, port, protocol));
}

/** A port of the host, and the one of a Compose service that it leads to. */
export interface Forward {
  service: string;
  port: number;
  target: number;
}

/** The TCP ports that Compose services publish, as far as they are written. */
export function forwardsOf(services: Readonly<Record<string, { ports?: unknown[] | null | undefined }>>): Forward[] {
  return Object.entries(services).flatMap(([service, { ports }]) =>
    (ports ?? []).flatMap(published).flatMap(({ port, target, protocol }) => {
      const [found] = hostPort('', port, protocol);
      if (found?.protocol !== 'tcp' || !/^\d+$/.test(target)) return [];
      return [{ service, port: found.port, target: Number(target) }];
    }),
  );
}

interface Published {
  ip: string;
  port: string;
  target: string;
  protocol: string;
}

function published(one: unknown): Published[] {
  const long = LongForm.safeParse(one);
  if (long.success) {
    const { published: port, target, host_ip: ip, protocol } = long.data;
    return [{ ip, port: String(port), target: String(target), protocol }];
  }
  const short = /^(?:\[?([\d.a-fA-F:]+?)\]?:)?(\d+):(\d+)(?:\/(\w+))?$/.exec(String(one));
  if (short === null) return [];
  const [, ip = '', port = '', target = '', protocol = 'tcp'] = short;
  return [{ ip, port, target, protocol }];
}

/** Nothing for what is not one port of TCP or UDP. */
export function hostPort(ip: string, port: string, protocol: string): HostPort[] {
  const found = HostPort.safeParse({ ip: isAny(ip) ? '' : ip, port: Number(port), protocol });
  return found.success && /^\d+$/.test(port) ? [found.data] : [];
}

function isAny(ip: string): boolean {
  return ip === '' || ip === '0.0.0.0' || ip === '::';
}
