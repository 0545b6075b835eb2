/** The schema of a stand-in for Unraid: the one that the vendor publishes where that file is at hand, else our own part of it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildASTSchema, type FieldNode, type GraphQLSchema, Kind, parse, type SelectionSetNode, visit } from 'graphql';
import { root } from '#test/support/sources.ts';
import { SUBSET } from '#test/support/unraid/subset.ts';

export function publishedSchema(): string | undefined {
  const path = join(process.env['HLA_SCHEMAS'] ?? join(root, '../shared/schemas'), 'unraid-4.37.2.graphql');
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** @param without fields that an older version does not have: `Metrics.memory`. */
export function openSchema(without: readonly string[] = []): GraphQLSchema {
  const all = parse(publishedSchema() ?? SUBSET);
  const older = visit(all, {
    ObjectTypeDefinition: (type) => ({
      ...type,
      fields: (type.fields ?? []).filter(({ name }) => !without.includes(`${type.name.value}.${name.value}`)),
    }),
  });
  return buildASTSchema(older);
}

/** `docker.containers`, for `query { docker { containers { id } } }`. */
export function fieldsAsked(query: string): string {
  const [operation] = parse(query).definitions.flatMap((one) => (one.kind === Kind.OPERATION_DEFINITION ? [one] : []));
  const first = firstField(operation?.selectionSet);
  return [first, firstField(first?.selectionSet)].flatMap((field) => field?.name.value ?? []).join('.');
}

function firstField(set: SelectionSetNode | undefined): FieldNode | undefined {
  return set?.selections.flatMap((one) => (one.kind === Kind.FIELD ? [one] : []))[0];
}
