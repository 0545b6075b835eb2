/** The address of a vendor's webhook: on the vendor's own hosts, or by way of a relay on this machine. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { isLoopbackName } from '#sdk/address.ts';

/** A key for plugins whose vendor has fixed hosts. */
export const ApiBase = z
  .string()
  .refine((text) => URL.canParse(text) && isLoopbackName(new URL(text).hostname), 'must be an address of this machine')
  .optional()
  .describe('A relay on this machine to send through instead, such as http://127.0.0.1:8088');

/** @returns what to post to. @throws AutopilotError HA_CONFIG_INVALID when the URL is not one of the vendor's. */
export function vendorTarget(
  url: string,
  vendor: { name: string; hosts: readonly string[]; path: RegExp; apiBase: string | undefined },
): { url: string; allowPrivate: boolean } {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const known = parsed?.protocol === 'https:' && parsed.port === '' && vendor.hosts.includes(parsed.hostname);
  if (parsed === undefined || !known || !vendor.path.test(parsed.pathname)) {
    throw new AutopilotError(
      'HA_CONFIG_INVALID',
      `${vendor.name}: webhook_url is not a webhook of ${vendor.hosts[0]}`,
      {
        next: `copy it anew: it begins with https://${vendor.hosts[0]}/`,
      },
    );
  }
  const target = new URL(`${parsed.pathname}${parsed.search}`, vendor.apiBase ?? parsed.origin);
  return { url: target.href, allowPrivate: vendor.apiBase !== undefined };
}
