/** The `ping:` beside a schedule: a dead-man's switch outside of the homelab. */
import { z } from 'zod';
import { addError } from '#config/issues.ts';
import { locate } from '#config/locate.ts';
import { fullPath, type Section } from '#config/section.ts';
import type { PingConfig } from '#config/types.ts';
import { secret } from '#sdk/secret.ts';

const Ping = z.object({
  // A service may say the rest alone, so whether there is one is judged when both are together.
  url: secret()
    .optional()
    .describe(
      'Required, here or in the defaults: address of a check, as Healthchecks gives it. `{{service}}` in it becomes the name of the service',
    ),
  allow_private: z
    .boolean()
    .default(false)
    .describe('Whether the address may be on this machine or in a private network, and then plain http'),
});

/** The field that stands beside a schedule. */
export function pingField() {
  return Ping.nullable()
    .optional()
    .describe(
      'A dead-man’s switch: it is told when a run of the schedule starts (URL/start), succeeds (URL) and fails (URL/fail)',
    );
}

/** @returns null when there is none, or when it has no address; that is in the report. */
export function compilePing(
  ping: z.output<ReturnType<typeof pingField>>,
  { section, inherited }: { section: Section; inherited: boolean },
): PingConfig | null {
  if (ping === undefined || ping === null) return null;
  const { url, allow_private: allowPrivate } = ping;
  if (url !== undefined) return { url, allowPrivate };
  const path = ['ping'];
  const { at, found } = locate(section.node, path);
  const message = 'missing key "url", or "url_file", or "url_command"';
  if (found || !inherited) addError(section.report, { at, path: fullPath({ section, path }), message });
  return null;
}
