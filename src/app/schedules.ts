/** The configuration's schedules: which workflow each asks for, and how the clock is told of it. */
import type { Config, PingConfig, ServiceConfig } from '#config/types.ts';
import { hashJson } from '#kernel/json.ts';
import type { ClockEntry } from '#queue/schedules.ts';
import type { Schedule, ScheduleRules } from '#schedule/rules.ts';
import { whenWords } from '#schedule/words.ts';

/** Where a service says when a workflow is to run by itself. */
const SCHEDULED: readonly { workflow: string; wordsOf(service: ServiceConfig): Words | undefined }[] = [
  { workflow: 'backup', wordsOf: ({ backup }) => backup ?? undefined },
  { workflow: 'drill', wordsOf: ({ backup }) => backup?.drill },
  { workflow: 'update', wordsOf: ({ update }) => update },
];

interface Words {
  schedule: ScheduleRules | null;
  ping: PingConfig | null;
}

/** Every schedule that the configuration names, with an id that stays the same over restarts. */
export function schedulesOf({ services }: Config): Schedule[] {
  return SCHEDULED.flatMap(({ workflow, wordsOf }) =>
    services.flatMap((service) => {
      const rules = wordsOf(service)?.schedule ?? null;
      const { name, host } = service;
      return rules === null ? [] : [{ ...rules, id: scheduleId(workflow, name), workflow, service: name, host }];
    }),
  );
}

/** A schedule, and who outside is told of its runs. */
export interface Pinged {
  schedule: string;
  service: string;
  ping: PingConfig;
}

export function pingsOf({ services }: Config): Pinged[] {
  return SCHEDULED.flatMap(({ workflow, wordsOf }) =>
    services.flatMap((service) => {
      const { schedule = null, ping = null } = wordsOf(service) ?? {};
      if (schedule === null || ping === null) return [];
      return [{ schedule: scheduleId(workflow, service.name), service: service.name, ping }];
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
