/** A plan from the configuration alone: a plan is a pure function, so nobody needs to be asked for it. */
import { openHistory } from '#app/history.ts';
import { chosenServices, makePlan } from '#app/planning.ts';
import type { Settings } from '#app/settings.ts';
import { loadWorkflows, workflowNamed } from '#app/workflows.ts';
import type { EnqueueRequest, Preview } from '#engine/requests.ts';
import { derivedId } from '#kernel/ids.ts';
import { hashJson } from '#kernel/json.ts';

export async function previewOffline(settings: Settings, request: Omit<EnqueueRequest, 'id'>): Promise<Preview[]> {
  const workflow = workflowNamed(await loadWorkflows(), request.workflow);
  using history = openHistory(settings);
  const restorePoints = (service: string) => history?.restorePoints(service) ?? [];
  const known = {
    settings,
    restorePoints,
    decisions: (service: string) => history?.decisions(service) ?? [],
    // Nobody is asked who is there: the plan names the first host that could.
    servesHypervisors: () => false,
  };
  return chosenServices(settings.config, workflow, request).map((service) => {
    const run = derivedId('preview', workflow.name, service.name);
    const plan = makePlan(known, workflow, { run, service, input: request.input });
    return { plan, planHash: hashJson(plan), lastDurations: {}, waitsFor: null };
  });
}
