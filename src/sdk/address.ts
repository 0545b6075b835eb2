/** Which network addresses lead to this machine or into a private network, and not out into the world. */
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { AutopilotError, systemCode } from '#kernel/errors.ts';

export type Reach = 'loopback' | 'private' | 'public';

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/** RFC 6890: private and shared networks, link-local (where clouds keep their credentials), and what is never a target. */
const PRIVATE = (
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16 198.18.0.0/15 ' +
  '224.0.0.0/4 240.0.0.0/4 ::/128 64:ff9b::/96 fc00::/7 fe80::/10 ff00::/8'
).split(' ');

/**
 * Guards against slips and against a stranger's address in a configuration, not against name servers that give another
 * answer a moment later.
 * @param hostname as in a URL: a name, an address, or an IPv6 address in brackets. The nearest of its addresses counts.
 */
export async function reachOf(hostname: string): Promise<Reach> {
  const addresses = await addressesOf(withoutBrackets(hostname));
  const reaches = new Set(addresses.map(reachOfAddress));
  if (reaches.has('loopback')) return 'loopback';
  return reaches.has('private') ? 'private' : 'public';
}

/** Whether a name can only mean this machine, without asking anybody. */
export function isLoopbackName(hostname: string): boolean {
  const name = withoutBrackets(hostname).toLowerCase();
  return name === 'localhost' || (isIP(name) !== 0 && reachOfAddress(name) === 'loopback');
}

/** `http://127.0.0.1:81`: nothing but a place of this machine, without credentials and path. */
export function isLoopbackUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.protocol !== 'http:' || hasCredentials(text)) return false;
  return isLoopbackName(url.hostname) && url.pathname === '/' && url.search === '' && url.hash === '';
}

/** `https://pve.lan:8006`: a server and no more, without credentials and path. */
export function isHttpsServer(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.protocol !== 'https:' || hasCredentials(text)) return false;
  return url.pathname === '/' && url.search === '' && url.hash === '';
}

/** Whether a URL has a user name or a password in it. */
export function hasCredentials(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.username !== '' || url.password !== '');
}

/** The host name of a URL as connections are made to it: an IPv6 address stands in brackets only in the URL. */
export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

async function addressesOf(name: string): Promise<string[]> {
  if (isIP(name) !== 0) return [name];
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  } catch (cause) {
    throw new AutopilotError('HA_REMOTE_UNREACHABLE', `there is no machine named ${name} (${systemCode(cause)})`, {
      cause,
      next: 'check the name, and whether this machine can resolve names',
    });
  }
}

function reachOfAddress(address: string): Reach {
  // An IPv4 address in the clothes of IPv6 is checked as IPv4 by the list itself.
  const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
  if (listOf(LOOPBACK).check(address, family)) return 'loopback';
  return listOf(PRIVATE).check(address, family) ? 'private' : 'public';
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [base = '', bits = ''] = network.split('/');
    list.addSubnet(base, Number(bits), isIP(base) === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}
