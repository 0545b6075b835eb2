/** The configuration's schedules: which workflow each asks for, and how the clock is told of it. */
import type { Config, ServiceConfig } from '#config/types.ts';
import { hashJson } from '#kernel/json.ts';
import type { ClockEntry } from '#queue/schedules.ts';
import type { Schedule, ScheduleRules } from '#schedule/rules.ts';
import { whenWords } from '#schedule/words.ts';

/** Where a service says when a workflow is to run by itself. */
const SCHEDULED: readonly { workflow: string; rulesOf(service: ServiceConfig): ScheduleRules | null }[] = [
  { workflow: 'backup', rulesOf: ({ backup }) => backup?.schedule ?? null },
  { workflow: 'drill', rulesOf: ({ backup }) => backup?.drill.schedule ?? null },
  { workflow: 'update', rulesOf: ({ update }) => update.schedule },
];

/** Every schedule that the configuration names, with an id that stays the same over restarts. */
export function schedulesOf({ services }: Config): Schedule[] {
  return SCHEDULED.flatMap(({ workflow, rulesOf }) =>
    services.flatMap((service) => {
      const rules = rulesOf(service);
      const { name, host } = service;
      return rules === null ? [] : [{ ...rules, id: scheduleId(workflow, name), workflow, service: name, host }];
    }),
  );
}

export function scheduleId(workflow: string, service: string): string {
  return `${workflow}.${service}`;
}

export function clockEntry(schedule: Schedule): ClockEntry {
  const { id, timezone } = schedule;
  return { id, when: whenWords(schedule), timezone, version: hashJson(schedule) };
}
