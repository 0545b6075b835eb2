/** Whether ports that a project publishes are free: it is looked at before anything is stopped. */
import { readFile } from 'node:fs/promises';
import { AutopilotError } from '#kernel/errors.ts';
import type { ComposeTools } from './config.ts';
import { docker, linesOf } from './docker.ts';
import { type HostPort, hostPort } from './host-port.ts';
import type { Container } from './project.ts';

/** The kernel's own tables, with the state in which a socket waits for others. */
const TABLES = [
  { file: 'tcp', protocol: 'tcp', state: '0A' },
  { file: 'tcp6', protocol: 'tcp', state: '0A' },
  { file: 'udp', protocol: 'udp', state: '07' },
  { file: 'udp6', protocol: 'udp', state: '07' },
] as const;

/** @throws AutopilotError HA_CONFLICT when somebody else has one of the ports; what the project has itself is its own. */
export async function refuseTaken(
  tools: ComposeTools,
  wanted: readonly HostPort[],
  containers: readonly Container[],
): Promise<void> {
  const own = containers.filter(({ status }) => status === 'running').flatMap(({ ports }) => ports);
  const foreign = wanted.filter((port) => !own.some((mine) => meets(mine, port)));
  if (foreign.length === 0) return;
  const busy = await busyPorts();
  const taken = foreign.find((port) => busy.some((one) => meets(one, port)));
  if (taken === undefined) return;
  const holder = await holderOf(tools, taken);
  const place = `${taken.ip === '' ? '' : `${taken.ip}:`}${taken.port}/${taken.protocol}`;
  throw new AutopilotError('HA_CONFLICT', `${tools.name}: port ${place} is taken by ${holder}`, {
    next: 'free the port, or publish another one in the compose file; nothing was changed',
  });
}

function meets(one: HostPort, other: HostPort): boolean {
  const sameAddress = one.ip === '' || other.ip === '' || one.ip === other.ip;
  return one.port === other.port && one.protocol === other.protocol && sameAddress;
}

async function busyPorts(): Promise<HostPort[]> {
  const found: HostPort[] = [];
  for (const { file, protocol, state } of TABLES) {
    const text = await readFile(`/proc/net/${file}`, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const [, local = '', , is] = line.trim().split(/\s+/);
      const [address = '', port = ''] = local.split(':');
      if (is === state) found.push(...hostPort(addressOf(address), String(Number.parseInt(port, 16)), protocol));
    }
  }
  return found;
}

/** The table has the bytes of an IPv4 address in the other order; of IPv6 only "any" is told apart. */
function addressOf(hex: string): string {
  if (/^0+$/.test(hex)) return '';
  if (hex.length > 8) return hex;
  return (hex.match(/../g) ?? [])
    .toReversed()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}

async function holderOf(tools: ComposeTools, { port, protocol }: HostPort): Promise<string> {
  const filter = `publish=${port}/${protocol}`;
  const names = linesOf(await docker(tools, ['ps', '--format', '{{.Names}}', '--filter', filter]));
  return names.length === 0 ? 'a program of this host' : `container ${names.join(', ')}`;
}
