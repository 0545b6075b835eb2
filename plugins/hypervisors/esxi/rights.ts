/** What the user may do by the API, and which right or licence is missing for what it may not. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import type { Capability } from '#sdk/kinds/hypervisor.ts';
import { allOf, propertiesOf } from './collector.ts';
import type { EsxiTools } from './config.ts';
import { arrayOf, list, type Ref, Text } from './markup.ts';
import { type Change, RIGHTS } from './platform.ts';
import { type Session, understood, withSession } from './session.ts';

const NEEDED: Readonly<Record<'power' | 'snapshot' | 'restore', readonly Change['kind'][]>> = {
  power: ['power on', 'power off'],
  snapshot: ['snapshot', 'remove'],
  restore: ['revert', 'power on', 'power off'],
};

const Seen = z.looseObject({ name: Text, effectiveRole: arrayOf(Text, 'int').optional() });

const Roles = z.looseObject({
  roleList: arrayOf(z.looseObject({ roleId: Text, privilege: list(Text) }), 'AuthorizationRole').default([]),
});

const Licenses = z.looseObject({
  licenses: arrayOf(
    z.looseObject({ editionKey: Text.default(''), name: Text.default('') }),
    'LicenseManagerLicenseInfo',
  ),
});

/** Role → its rights, as the server itself has them. */
type Granted = ReadonlyMap<string, ReadonlySet<string>>;

export async function inspect(tools: EsxiTools) {
  return await withSession(tools, async (session) => {
    const found = await allOf(session, [{ type: 'VirtualMachine', paths: ['name', 'effectiveRole'] }]);
    const guests = found.map(({ properties }) => understood(tools, Seen, { value: properties, what: 'the guests' }));
    const none = guests.length === 0 ? ['no guest is seen: the user has no role on one, or there is none'] : [];
    const granted = await roles(session);
    const readOnly = (await isReadOnly(session))
      ? ['the free licence makes the API read-only: reach this host by  ssh:']
      : [];
    const changing = Object.entries(NEEDED).map(([name, kinds]) => {
      const lacking = lackingOn(guests, granted, rightsFor(kinds));
      return capability(name as keyof typeof NEEDED, [...readOnly, ...none, ...lacking]);
    });
    return {
      version: session.content.about.fullName,
      capabilities: [capability('list', none), ...changing, capability('resources', [])],
      warnings:
        granted === undefined
          ? ['the rights of the user cannot be read; one that is missing shows when it is needed']
          : [],
    };
  });
}

/** Empty as well when the server does not tell: then the change itself does. */
export async function missingOn(session: Session, ref: Ref, rights: readonly string[]): Promise<string[]> {
  const { effectiveRole } = await propertiesOf(session, ref, Seen, ['name', 'effectiveRole']);
  return lacking(effectiveRole, await roles(session), rights);
}

function rightsFor(kinds: readonly Change['kind'][]): string[] {
  return [...new Set(kinds.map((kind) => RIGHTS[kind]))];
}

function lackingOn(
  guests: readonly z.output<typeof Seen>[],
  granted: Granted | undefined,
  rights: readonly string[],
): string[] {
  return rights.flatMap((right) => {
    const where = guests.filter(({ effectiveRole }) => lacking(effectiveRole, granted, [right]).length > 0);
    return where.length === 0 ? [] : [`the right ${right} is missing on ${where.map(({ name }) => name).join(', ')}`];
  });
}

function lacking(
  held: readonly string[] | undefined,
  granted: Granted | undefined,
  rights: readonly string[],
): string[] {
  if (held === undefined || granted === undefined) return [];
  return rights.filter((right) => !held.some((role) => granted.get(role)?.has(right)));
}

async function roles(session: Session): Promise<Granted | undefined> {
  const { authorizationManager } = session.content;
  if (authorizationManager === undefined) return undefined;
  const { roleList } = await orNothing(() => propertiesOf(session, authorizationManager, Roles, ['roleList']), {
    roleList: [],
  });
  return roleList.length === 0 ? undefined : new Map(roleList.map((one) => [one.roleId, new Set(one.privilege)]));
}

/** Of a host alone: a vCenter needs licensed hosts anyway. */
async function isReadOnly(session: Session): Promise<boolean> {
  const { licenseManager, about } = session.content;
  if (licenseManager === undefined || about.apiType !== 'HostAgent') return false;
  const { licenses } = await orNothing(() => propertiesOf(session, licenseManager, Licenses, ['licenses']), {
    licenses: [],
  });
  return licenses.some(
    ({ editionKey, name }) => /^esxBasic|hypervisor|free/i.test(editionKey) || name.endsWith('Hypervisor'),
  );
}

/** A user with few rights may not ask for everything; what it is needed for is told elsewhere then. */
async function orNothing<T>(ask: () => Promise<T>, nothing: T): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof AutopilotError && error.code === 'HA_REMOTE_REFUSED') return nothing;
    throw error;
  }
}

function capability(name: Capability['name'], reasons: readonly string[]): Capability {
  return { name, possible: reasons.length === 0, reason: reasons.join('; ') };
}
