/** What the controller answers: the requests of the command line, of the API, and of other hosts. */
import { z } from 'zod';
import type { Absences } from '#app/absences.ts';
import type { Keeper } from '#app/keeper.ts';
import { chosenServices, createPlanner, makePlan, serviceNamed } from '#app/planning.ts';
import type { Settings } from '#app/settings.ts';
import { inWaves, needsOf } from '#app/waves.ts';
import type { Workflows } from '#app/workflows.ts';
import { workflowNamed } from '#app/workflows.ts';
import type { Engine } from '#engine/engine.ts';
import type { Journal } from '#engine/ports.ts';
import type { Controller, Preview, RetryPreview } from '#engine/requests.ts';
import { DecideRequest, EnqueueRequest, RunsQuery, UnpinRequest } from '#engine/requests.ts';
import { reusable } from '#engine/retry.ts';
import type { Run } from '#engine/run.ts';
import { isTerminal } from '#engine/run.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { derivedId, newId } from '#kernel/ids.ts';
import { hashJson } from '#kernel/json.ts';
import type { Request } from '#queue/requests.ts';
import { planSteps } from '#sdk/plan.ts';
import type { Decision } from '#sdk/versions/decision.ts';
import type { Decisions } from '#store/decisions.ts';
import type { History } from '#store/history.ts';

export interface AnswerPorts {
  settings: Settings;
  engine: Engine;
  history: History;
  journal: Journal;
  workflows: Workflows;
  keeper: Keeper;
  decisions: Decisions;
  absences: Absences;
}

/** The controller, and the door through which requests from other processes come in. */
export function createAnswers(ports: AnswerPorts): Controller & { answer(request: Request): Promise<unknown> } {
  const { engine, history } = ports;
  const controller: Controller = {
    enqueue: (request) => enqueue(ports, EnqueueRequest.parse(request)),
    preview: async (request) => preview(ports, EnqueueRequest.omit({ id: true }).parse(request)),
    runs: async (query) => history.runs(RunsQuery.parse(query)),
    run: async (id) => history.run(id),
    async cancel(prefix) {
      const id = history.resolve(prefix);
      const { status } = history.run(id);
      if (isTerminal(status)) throw new AutopilotError('HA_CONFLICT', `run ${prefix} has already ended: ${status}`);
      await engine.cancel(id);
      return history.run(id);
    },
    retryPreview: async (id, from) => retryPlan(ports, id, from).preview,
    async retry(prefix, from) {
      const { run, keys } = retryPlan(ports, prefix, from);
      const id = newId();
      await engine.accept({
        id,
        plan: run.plan,
        input: {},
        notBefore: null,
        retryOf: run.id,
        schedule: null,
        reuse: keys.map((key) => ({ key, output: run.states.get(key)?.output ?? {} })),
      });
      return history.run(id);
    },
    setPaused: async (schedule, paused) => ports.keeper.setPaused(schedule, paused),
    decisions: async (service) => history.decisions(service),
    decide: async (request) => decide(ports, DecideRequest.parse(request)),
    unpin: async ({ service, image }) =>
      ports.decisions.unpin(serviceNamed(ports.settings.config, service).name, image),
  };
  return { ...controller, answer: (request) => dispatch(controller, request) };
}

const Id = z.object({ id: z.string() });
const Pausing = z.object({ schedule: z.string(), paused: z.boolean() });
const OfService = z.object({ service: z.string().nullable() });
const IdFrom = z.object({ id: z.string(), from: z.string().nullable() });

async function dispatch(controller: Controller, { method, parameters }: Request): Promise<unknown> {
  switch (method) {
    case 'enqueue':
      return controller.enqueue(EnqueueRequest.parse(parameters));
    case 'preview':
      return controller.preview(EnqueueRequest.omit({ id: true }).parse(parameters));
    case 'runs':
      return controller.runs(RunsQuery.parse(parameters));
    case 'run':
      return controller.run(Id.parse(parameters).id);
    case 'cancel':
      return controller.cancel(Id.parse(parameters).id);
    case 'retryPreview': {
      const { id, from } = IdFrom.parse(parameters);
      return controller.retryPreview(id, from);
    }
    case 'retry': {
      const { id, from } = IdFrom.parse(parameters);
      return controller.retry(id, from);
    }
    case 'setPaused': {
      const { schedule, paused } = Pausing.parse(parameters);
      return controller.setPaused(schedule, paused);
    }
    case 'decisions':
      return controller.decisions(OfService.parse(parameters).service);
    case 'decide':
      return controller.decide(DecideRequest.parse(parameters));
    case 'unpin':
      return controller.unpin(UnpinRequest.parse(parameters));
    default:
      throw new AutopilotError('HA_USAGE', `the controller does not know the request "${method}"`, {
        next: 'The two programs may be of different versions',
      });
  }
}

async function enqueue(ports: AnswerPorts, request: z.output<typeof EnqueueRequest>) {
  const workflow = workflowNamed(ports.workflows, request.workflow);
  // All plans are made before the first run is accepted: a bad request changes nothing.
  const { config } = ports.settings;
  const idOf = (name: string) => derivedId('request', request.id, name);
  const chosen = chosenServices(config, workflow, request);
  const planned = (workflow.waves === true ? inWaves(config, chosen) : chosen).map((service) => {
    const run = idOf(service.name);
    const needs = workflow.waves === true ? needsOf(config, service.name) : [];
    const plan = makePlan(createPlanner(ports), workflow, { run, service, input: request.input });
    return { run, plan, order: { needs, after: needs.map(idOf) } };
  });
  for (const { run, plan, order } of planned) {
    await ports.engine.accept({
      id: run,
      plan,
      input: request.input,
      notBefore: request.notBefore,
      retryOf: null,
      schedule: null,
      reuse: [],
      order,
    });
  }
  return planned.map(({ run }) => ports.history.run(run));
}

function decide({ settings, decisions, history }: AnswerPorts, request: z.output<typeof DecideRequest>): Decision[] {
  const { name, type } = serviceNamed(settings.config, request.service);
  if (settings.catalog.find('service', type)?.actions['versions'] === undefined) {
    throw new AutopilotError('HA_USAGE', `${name} is not made of images, so there is nothing to decide of them`, {
      next: `services of type ${type} tell by themselves what is newer`,
    });
  }
  decisions.decide(request.decisions.map((one) => ({ ...one, service: name })));
  return history.decisions(name);
}

function preview(ports: AnswerPorts, request: Omit<z.output<typeof EnqueueRequest>, 'id'>): Preview[] {
  const workflow = workflowNamed(ports.workflows, request.workflow);
  return chosenServices(ports.settings.config, workflow, request).map((service) => {
    // An id of its own kind: a preview must not look like a run that exists.
    const run = derivedId('preview', workflow.name, service.name);
    const plan = makePlan(createPlanner(ports), workflow, { run, service, input: request.input });
    return {
      plan,
      planHash: hashJson(plan),
      lastDurations: ports.history.lastDurations(workflow.name, service.name),
      waitsFor: workflow.changes ? ports.history.holder(service.name) : null,
    };
  });
}

function retryPlan(
  { history, journal }: AnswerPorts,
  prefix: string,
  from: string | null,
): { run: Run; keys: string[]; preview: RetryPreview } {
  const view = history.run(prefix);
  const run = journal.run(view.id);
  if (run === undefined || !isTerminal(run.status)) {
    throw new AutopilotError('HA_CONFLICT', `run ${prefix} has not ended yet`, {
      next: `Wait for it, or stop it with  homelab-autopilot runs cancel ${prefix}`,
    });
  }
  const { from: start, keys } = reusable(run.plan.root, run.states, from);
  const again = planSteps(run.plan.root)
    .map(({ key }) => key)
    .filter((key) => !keys.includes(key));
  return { run, keys, preview: { run: view, from: start, again, reused: keys } };
}
