/** The first stage: everything that was written, from all files, before anybody asks what it means. */
import { readText, serviceFiles } from '#config/find.ts';
import { addError, addWarning, type Path, pathText, type Report } from '#config/issues.ts';
import { child, textOf } from '#config/locate.ts';
import { readYaml, type WrittenMap, type WrittenNode } from '#config/source.ts';
import type { Environment } from '#config/variables.ts';
import { nearest } from '#kernel/nearest.ts';

export interface WrittenConfig {
  main: WrittenMap;
  /** In the order of the files, with the path by which messages call each. */
  services: WrittenService[];
}

export interface WrittenService {
  node: WrittenNode;
  path: Path;
}

/** Reads the main file's text and the files in `services.d`. What is wrong goes into the report. */
export async function readWritten(
  source: { file: string; text: string },
  { env, report }: { env: Environment; report: Report },
): Promise<WrittenConfig> {
  const start = { file: source.file, line: 1, column: 1 };
  const root = readYaml(source.file, source.text, { env, report });
  if (root !== undefined && root.kind !== 'map') {
    addError(report, { at: root.at, path: [], message: 'expected keys such as "global:" and "services:"' });
  }
  const main: WrittenMap = root?.kind === 'map' ? root : { kind: 'map', at: start, entries: new Map() };
  const services = listed(child(main, 'services'), report);

  const { files, passedOver } = await serviceFiles(source.file);
  for (const file of passedOver) {
    addWarning(report, {
      at: { file, line: 1, column: 1 },
      path: [],
      message: 'not read: file names here end in .yaml',
    });
  }
  for (const file of files) {
    const more = readYaml(file, (await readText(file)) ?? '', { env, report });
    if (more !== undefined) services.push(...listed(servicesIn(more, report), report));
  }
  return { main, services };
}

/** A file in `services.d` is a list of services, or a map whose only key is `services`. */
function servicesIn(root: WrittenNode, report: Report): WrittenNode | undefined {
  if (root.kind !== 'map') return root;
  for (const [key, { keyAt }] of root.entries) {
    if (key === 'services') continue;
    const message = `files in services.d hold services only; "${key}" does not belong here`;
    addError(report, { at: keyAt, path: [key], message, suggestion: nearest(key, ['services']) });
  }
  return child(root, 'services');
}

function listed(node: WrittenNode | undefined, report: Report): WrittenService[] {
  if (node === undefined || (node.kind === 'scalar' && node.value === null)) return [];
  if (node.kind === 'list') return node.items.map((item, index) => ({ node: item, path: ['services', index] }));
  const message = 'expected a list of services, each one beginning with "- name:"';
  addError(report, { at: node.at, path: ['services'], message });
  return [];
}

/** The path by which a service is called where its position in the list does not matter. */
export function servicePath({ node, path }: WrittenService): string {
  const name = textOf(child(node, 'name'));
  return name === undefined ? pathText(path) : `services.${name}`;
}
