/** The `global:` section, and what this machine says where the file is silent. */
import os from 'node:os';
import type { z } from 'zod';
import { check } from '#config/check.ts';
import { defaulted } from '#config/defaulted.ts';
import { isTimezone } from '#config/fields.ts';
import { isObject, pick } from '#config/instances.ts';
import { addError } from '#config/issues.ts';
import { locate } from '#config/locate.ts';
import { prepare } from '#config/prepare.ts';
import { Global } from '#config/schema.ts';
import { fullPath, type Section } from '#config/section.ts';
import type { Config } from '#config/types.ts';
import type { JsonObject } from '#kernel/json.ts';
import { nearest } from '#kernel/nearest.ts';

/** When the section is wrong the defaults stand in, so that the rest can be judged as well. */
export function compileGlobal(section: Section): { config: Config['global']; effective: JsonObject } {
  const prepared = prepare(Global, section);
  const written = isObject(prepared) ? prepared : {};
  const global = check(Global, prepared, { section }) ?? usableParts(written);
  const timezone = global.timezone ?? systemTimezone();
  const known = isTimezone(timezone);
  if (!known) reportTimezone(timezone, section);
  const host = global.host ?? localHostName();
  const config = {
    name: global.name,
    timezone: known ? timezone : 'UTC',
    host,
    stateDir: global.state_dir,
    logDir: global.log_dir,
    logLevel: global.log_level,
    priority: global.priority,
    timeoutMs: global.timeout,
    parallelism: global.parallelism,
  };
  const effective = defaulted(Global, { timezone, host, ...written });
  return { config, effective: isObject(effective) ? effective : {} };
}

/** Schedules and hosts elsewhere are judged by these two, whatever else is wrong here. */
function usableParts(written: JsonObject): z.output<typeof Global> {
  const result = Global.safeParse(pick(written, ['timezone', 'host']));
  return result.success ? result.data : Global.parse({});
}

function reportTimezone(timezone: string, section: Section): void {
  const path = ['timezone'];
  addError(section.report, {
    at: locate(section.node, path).at,
    path: fullPath({ section, path }),
    message: `unknown time zone "${timezone}"; write a name such as Europe/Berlin or UTC`,
    suggestion: nearest(timezone, Intl.supportedValuesOf('timeZone')),
  });
}

function systemTimezone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** A host name becomes part of a queue's name, so letters that do not fit there are replaced. */
function localHostName(): string {
  const name = os
    .hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '');
  return name === '' ? 'localhost' : name.slice(0, 63);
}
