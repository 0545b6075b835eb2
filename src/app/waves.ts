/** Which services come first where one needs another: each after all that it depends on, near and far. */
import type { Config, ServiceConfig } from '#config/types.ts';

/** All that a service depends on, near and far; each after what it depends on itself. */
export function needsOf({ services }: Pick<Config, 'services'>, name: string): string[] {
  const known = new Map(services.map((service) => [service.name, service]));
  const found = new Set<string>();
  const visit = (one: string): void => {
    for (const need of known.get(one)?.dependsOn ?? []) {
      if (need === name || found.has(need)) continue;
      visit(need);
      found.add(need);
    }
  };
  visit(name);
  return [...found];
}

/** The same services, those that others need before them; otherwise in the order of the configuration. */
export function inWaves(config: Pick<Config, 'services'>, services: readonly ServiceConfig[]): ServiceConfig[] {
  const wanted = new Map(services.map((service) => [service.name, service]));
  const names = services.flatMap(({ name }) => [...needsOf(config, name), name]);
  return [...new Set(names)].flatMap((name) => wanted.get(name) ?? []);
}
