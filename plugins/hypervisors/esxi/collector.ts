/** Properties of vSphere's objects: of one, or of all of a kind that the user may see. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { type Element, element, list, type Ref, Reference, reference, Text } from './markup.ts';
import { read, type Session, understood } from './session.ts';

const Properties = list(z.looseObject({ name: Text, val: z.unknown().optional() }));

/** No object at all is no answer at all. */
const Page = z.preprocess(
  (value) => value ?? {},
  z.looseObject({
    token: Text.optional(),
    objects: list(z.looseObject({ obj: Reference, propSet: Properties })),
  }),
);

export interface Found {
  ref: Ref;
  /** By path; what is unset, or may not be seen, is not in it. */
  properties: Record<string, unknown>;
}

export interface Wanted {
  type: string;
  paths: readonly string[];
}

/** Goes on from an object to what one of its properties names. */
export interface Step {
  type: string;
  path: string;
}

export async function propertiesOf<S extends z.ZodType>(
  session: Session,
  ref: Ref,
  schema: S,
  paths: readonly string[],
): Promise<z.output<S>> {
  const [found] = await retrieve(session, [{ type: ref.type, paths }], element('objectSet', [reference('obj', ref)]));
  if (found === undefined)
    throw new AutopilotError('HA_NOT_FOUND', `${session.tools.name}: ${ref.type} ${ref.id} is not there`);
  return understood(session.tools, schema, {
    value: found.properties,
    what: `the properties of ${ref.type} ${ref.id}`,
  });
}

/** All objects of some types, wherever they are below the root. */
export async function allOf(session: Session, wanted: readonly Wanted[]): Promise<Found[]> {
  const view = await read(session, Reference, {
    method: 'CreateContainerView',
    on: session.content.viewManager,
    parts: [
      reference('container', session.content.rootFolder),
      ...wanted.map(({ type }) => element('type', type)),
      element('recursive', true),
    ],
  });
  return await reachedFrom(session, view, { step: { type: 'ContainerView', path: 'view' }, wanted });
}

export async function reachedFrom(
  session: Session,
  from: Ref,
  { step, wanted }: { step: Step; wanted: readonly Wanted[] },
): Promise<Found[]> {
  const way = element(
    'selectSet',
    [element('name', 'way'), element('type', step.type), element('path', step.path), element('skip', false)],
    { 'xsi:type': 'TraversalSpec' },
  );
  return await retrieve(session, wanted, element('objectSet', [reference('obj', from), element('skip', true), way]));
}

async function retrieve(session: Session, wanted: readonly Wanted[], from: Element): Promise<Found[]> {
  const on = session.content.propertyCollector;
  const sets = wanted.map(({ type, paths }) =>
    element('propSet', [element('type', type), ...paths.map((path) => element('pathSet', path))]),
  );
  const parts = [element('specSet', [...sets, from]), element('options', [])];
  let page = await read(session, Page, { method: 'RetrievePropertiesEx', on, parts });
  const objects = [...page.objects];
  while (page.token !== undefined) {
    const more = [element('token', page.token)];
    page = await read(session, Page, { method: 'ContinueRetrievePropertiesEx', on, parts: more });
    objects.push(...page.objects);
  }
  return objects.map(({ obj, propSet }) => ({
    ref: obj,
    properties: Object.fromEntries(propSet.map(({ name, val }) => [name, val])),
  }));
}
