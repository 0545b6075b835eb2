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
  host_ip: z.string().default(''),
  protocol: z.string().default('tcp'),
});

/** Of what `docker compose config` prints. A port that the engine is to choose, and a range, cannot be looked at. */
export function portsInConfig(text: string): HostPort[] {
  const config = Config.safeParse(parse(text));
  const written = Object.values(config.data?.services ?? {}).flatMap(({ ports }) => ports ?? []);
  return written.flatMap((one) => {
    const long = LongForm.safeParse(one);
    if (long.success) return hostPort(long.data.host_ip, String(long.data.published), long.data.protocol);
    const [, ip = '', port = '', protocol = 'tcp'] =
      /^(?:\[?([\d.a-fA-F:]+?)\]?:)?(\d+):\d+(?:\/(\w+))?$/.exec(String(one)) ?? [];
    return hostPort(ip, port, protocol);
  });
}

/** Nothing for what is not one port of TCP or UDP. */
export function hostPort(ip: string, port: string, protocol: string): HostPort[] {
  const found = HostPort.safeParse({ ip: isAny(ip) ? '' : ip, port: Number(port), protocol });
  return found.success && /^\d+$/.test(port) ? [found.data] : [];
}

function isAny(ip: string): boolean {
  return ip === '' || ip === '0.0.0.0' || ip === '::';
}
