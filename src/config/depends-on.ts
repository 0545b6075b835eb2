/** What services say of each other in `depends_on`: names that exist, and no circle. */
import { addError, type Path } from '#config/issues.ts';
import { child, locate, textOf } from '#config/locate.ts';
import { fullPath, type Section } from '#config/section.ts';
import { nearest } from '#kernel/nearest.ts';

interface Entry {
  name: string;
  section: Section;
  /** As written, with the place of each in the list. */
  needs: { name: string; path: Path }[];
}

/** Also services that are wrong elsewhere are known, so that a reference to one is not called wrong as well. */
export function checkDependencies(sections: readonly Section[]): void {
  const entries = sections.flatMap((section) => entryOf(section) ?? []);
  const known = new Map(entries.map((entry) => [entry.name, entry]));
  for (const entry of entries) {
    for (const { name, path } of entry.needs) {
      if (!known.has(name)) report(entry, path, unknown(name, [...known.keys()]));
    }
  }
  const done = new Set<string>();
  for (const entry of entries) walk(entry, [], { known, done });
}

function entryOf(section: Section): Entry | undefined {
  const name = textOf(child(section.node, 'name'));
  if (name === undefined) return undefined;
  const list = child(section.node, 'depends_on');
  const items = list?.kind === 'list' ? list.items : [];
  const needs = items.flatMap((item, index) => {
    const text = textOf(item);
    return text === undefined ? [] : [{ name: text, path: ['depends_on', index] }];
  });
  return { name, section, needs };
}

/** Depth first; a name that is on the way here closes a circle, which is told once, where it closes. */
function walk(
  entry: Entry,
  way: readonly string[],
  around: { known: ReadonlyMap<string, Entry>; done: Set<string> },
): void {
  if (around.done.has(entry.name)) return;
  const here = [...way, entry.name];
  for (const { name, path } of entry.needs) {
    if (here.includes(name)) {
      const circle = [...here.slice(here.indexOf(name)), name].join(' → ');
      report(entry, path, { message: `services depend on each other in a circle: ${circle}` });
      continue;
    }
    const next = around.known.get(name);
    if (next !== undefined) walk(next, here, around);
  }
  around.done.add(entry.name);
}

function unknown(name: string, known: readonly string[]): { message: string; suggestion: string | undefined } {
  return { message: `unknown service "${name}" (known: ${known.join(', ')})`, suggestion: nearest(name, known) };
}

function report({ section }: Entry, path: Path, problem: { message: string; suggestion?: string | undefined }): void {
  addError(section.report, { at: locate(section.node, path).at, path: fullPath({ section, path }), ...problem });
}
