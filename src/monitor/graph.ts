/** Who needs whom: service → services that it depends on → hosts, and the hypervisor of the guest that it runs in. */
import { subjectId, subjectOf } from '#monitor/check.ts';

export interface GraphService {
  name: string;
  host: string;
  dependsOn: readonly string[];
  /** The guest that it runs in, if it is known. */
  guest?: { hypervisor: string } | null;
}

export interface Graph {
  /** All that a subject needs, near and far; what needs nothing comes last. */
  needs(subject: string): readonly string[];
  /** The services whose rest is the rest of this subject: itself, and all that it needs. */
  services(subject: string): readonly string[];
}

export function openGraph(services: readonly GraphService[]): Graph {
  const known = new Map(services.map((service) => [service.name, service]));
  const memory = new Map<string, readonly string[]>();
  const direct = (subject: string): string[] => {
    const { kind, name } = subjectOf(subject);
    const service = known.get(name);
    if (service === undefined) return [];
    const own = [
      ...service.dependsOn.map((other) => subjectId('service', other)),
      subjectId('host', service.host),
      ...(service.guest == null ? [] : [subjectId('hypervisor', service.guest.hypervisor)]),
    ];
    if (kind === 'external') return [subjectId('service', name), ...own];
    return kind === 'service' ? own : [];
  };
  const needs = (subject: string): readonly string[] => {
    const before = memory.get(subject);
    if (before !== undefined) return before;
    // The configuration has no circles; a name that is met again comes with its last meeting.
    const all = direct(subject).flatMap((next) => [next, ...needs(next)]);
    const ordered = [...new Set(all.toReversed())].toReversed();
    memory.set(subject, ordered);
    return ordered;
  };
  return {
    needs,
    services: (subject) =>
      [subject, ...needs(subject)]
        .map(subjectOf)
        .flatMap(({ kind, name }) => (kind === 'service' || kind === 'external' ? [name] : [])),
  };
}
