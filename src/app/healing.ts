/** Has services restarted that are down and say `heal`: what is asked for is written with the step of monitoring that saw it. */
import type { AnnouncePorts } from '#app/announce.ts';
import { announceGivenUp } from '#app/announce.ts';
import { makePlan, type Planner, serviceNamed } from '#app/planning.ts';
import type { Workflows } from '#app/workflows.ts';
import { workflowNamed } from '#app/workflows.ts';
import type { ServiceConfig } from '#config/types.ts';
import type { Journal } from '#engine/ports.ts';
import { formatDuration } from '#kernel/duration.ts';
import { errorText } from '#kernel/errors.ts';
import { derivedId } from '#kernel/ids.ts';
import { subjectOf } from '#monitor/check.ts';
import { decideHeal, HEAL } from '#monitor/heal.ts';
import type { Incident, Mendable, Step } from '#monitor/world.ts';
import type { HealRules } from '#sdk/heal.ts';
import type { Plan } from '#sdk/plan.ts';
import type { Log } from '#sdk/tools.ts';
import type { Heals } from '#store/heals.ts';

export interface HealingPorts extends Pick<AnnouncePorts, 'config' | 'outbox'> {
  planner: Planner;
  workflows: Workflows;
  heals: Heals;
  journal: Journal;
  /** Looks for runs that may start. */
  admit(): void;
  log: Log;
}

export interface Healing {
  /** The same step, with those incidents marked that are left to a person, and what is to be written with it. */
  consider(step: Step, now: Date): { step: Step; wishes: Wish[] };
  /** Called in the transaction that writes the step. */
  write(wishes: readonly Wish[], now: Date): void;
  /** When all is written. */
  begin(wishes: readonly Wish[]): void;
}

export interface Wish {
  service: ServiceConfig;
  incident: Incident;
  /** Null: none more; a person is called. */
  run: { id: string; attempt: number; plan: Plan } | null;
  /** Why none more. */
  because: string;
}

export function createHealing(ports: HealingPorts): Healing {
  return {
    consider(step, now) {
      const wishes = step.mendable.flatMap((one) => wishOf(ports, one, now) ?? []);
      const gaveUp = wishes.flatMap(({ incident, run }) => (run === null ? [incident] : []));
      return { step: gaveUp.length === 0 ? step : marked(step, gaveUp), wishes };
    },

    write(wishes, now) {
      for (const wish of wishes) {
        if (wish.run === null) announceGivenUp(wish, ports, now);
        else ask(ports, wish, wish.run);
      }
    },

    begin(wishes) {
      for (const { service, run, because } of wishes) {
        const about = { service: service.name, run: run?.id ?? null };
        if (run === null) ports.log.warn('a service that is down is left to a person', { ...about, because });
        else ports.log.warn('a service that is down is restarted', { ...about, attempt: run.attempt });
      }
      if (wishes.some(({ run }) => run !== null)) ports.admit();
    },
  };
}

function wishOf(ports: HealingPorts, { incident, badAt }: Mendable, now: Date): Wish | undefined {
  const { config, heals } = ports;
  const service = config.services.find(({ name }) => name === subjectOf(incident.subject).name);
  if (service === undefined || service.heal === null || incident.gaveUpAt !== null) return undefined;
  const rules = service.heal;
  const attempts = heals.attempts(service.name, { incident: incident.id, since: now.getTime() - rules.windowMs });
  const decision = decideHeal({ now: now.getTime(), rules, incident, badAt, attempts });
  const givenUp = { service, incident: { ...incident, gaveUpAt: now.getTime() }, run: null };
  switch (decision.do) {
    case 'wait':
      return undefined;
    case 'give up':
      return { ...givenUp, because: triedWords(decision.restarts, rules) };
    case 'restart':
      try {
        return { service, incident, run: runOf(ports, { service, incident, attempt: decision.attempt }), because: '' };
      } catch (error) {
        return { ...givenUp, because: `it cannot be restarted by us: ${errorText(error)}` };
      }
  }
}

/** From the incident, so that no step that is taken twice asks twice. */
function runOf(
  { planner, workflows }: HealingPorts,
  { service, incident, attempt }: { service: ServiceConfig; incident: Incident; attempt: number },
) {
  const id = derivedId(HEAL, incident.id, String(attempt));
  const input = { incident: incident.id, attempt };
  const target = serviceNamed(planner.settings.config, service.name);
  return { id, attempt, plan: makePlan(planner, workflowNamed(workflows, HEAL), { run: id, service: target, input }) };
}

function ask({ journal }: HealingPorts, { incident, service }: Wish, run: NonNullable<Wish['run']>): void {
  const { id, attempt, plan } = run;
  const input = { incident: incident.id, attempt };
  if (!journal.accept({ id, plan, input, notBefore: null, retryOf: null, schedule: null, reuse: [] })) return;
  journal.tellStory(id, `asked for by monitoring, attempt ${attempt}: ${service.name} is down: ${incident.cause}`);
}

function marked(step: Step, gaveUp: readonly Incident[]): Step {
  const ids = new Set(gaveUp.map(({ id }) => id));
  const open = new Map(step.world.incidents);
  for (const incident of gaveUp) open.set(incident.subject, incident);
  return {
    ...step,
    world: { ...step.world, incidents: open },
    incidents: [...step.incidents.filter(({ id }) => !ids.has(id)), ...gaveUp],
  };
}

function triedWords(restarts: number, { windowMs }: HealRules): string {
  return `it was restarted ${restarts === 1 ? 'once' : `${restarts} times`} within ${formatDuration(windowMs)}`;
}
