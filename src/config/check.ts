/** Holds a prepared value against its schema, and reports with positions what does not fit. */
import type { z } from 'zod';
import { explain } from '#config/explain.ts';
import { addError } from '#config/issues.ts';
import { child, locate, locateKey } from '#config/locate.ts';
import { fullPath, type Section } from '#config/section.ts';
import type { WrittenNode } from '#config/source.ts';

/**
 * @param inherited whether the value holds more than was written in the section: what came from elsewhere and is wrong
 *   was reported there.
 * @returns the schema's output, or `undefined` when the value does not fit.
 */
export function check<S extends z.ZodType>(
  schema: S,
  value: unknown,
  { section, inherited = false }: { section: Section; inherited?: boolean },
): z.output<S> | undefined {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const subject = { schema, value, shown: isShown(section, issue.path) };
    for (const { path, message, suggestion, ofKey } of explain(issue, subject)) {
      const { at: valueAt, found } = locate(section.node, path);
      const at = ofKey ? locateKey(section.node, path) : valueAt;
      if (inherited && !found) continue;
      addError(section.report, { at, path: fullPath({ section, path }), message, suggestion });
    }
  }
  return undefined;
}

function isShown(section: Section, path: readonly PropertyKey[]): boolean {
  let node: WrittenNode | undefined = section.node;
  for (const word of path) node = child(node, typeof word === 'number' ? word : String(word));
  return node?.kind !== 'scalar' || !node.expanded;
}
