/** The workflows, found by their place: every file in `workflows/` exports one. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { nearest } from '#kernel/nearest.ts';
import type { Workflow } from '#sdk/workflow.ts';

const WORKFLOWS = fileURLToPath(new URL('../../workflows/', import.meta.url));

/** A second folder, for tests that need a workflow with more ways to fail than a real one has. */
const MORE_WORKFLOWS = 'HOMELAB_AUTOPILOT_WORKFLOWS';

/** The folder holds our own code, which the compiler has checked; this catches a file that exports something else. */
const Module = z.object({
  workflow: z.custom<Workflow>(
    (value) => z.object({ name: z.string(), changes: z.boolean() }).safeParse(value).success,
  ),
});

export type Workflows = ReadonlyMap<string, Workflow>;

export async function loadWorkflows(): Promise<Workflows> {
  const more = process.env[MORE_WORKFLOWS];
  const workflows = new Map<string, Workflow>();
  for (const folder of more === undefined ? [WORKFLOWS] : [WORKFLOWS, more]) {
    const files = (await readdir(folder)).filter((name) => name.endsWith('.ts')).sort();
    for (const file of files) {
      const { workflow } = Module.parse(await import(pathToFileURL(join(folder, file)).href));
      workflows.set(workflow.name, workflow);
    }
  }
  return workflows;
}

/** @throws AutopilotError HA_NOT_FOUND with the nearest name. */
export function workflowNamed(workflows: Workflows, name: string): Workflow {
  const workflow = workflows.get(name);
  if (workflow !== undefined) return workflow;
  const guess = nearest(name, workflows.keys());
  throw new AutopilotError('HA_NOT_FOUND', `there is no workflow "${name}"`, {
    next: `${guess === undefined ? '' : `Did you mean "${guess}"? `}There are: ${[...workflows.keys()].join(', ')}`,
  });
}
