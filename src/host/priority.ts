/** Lets a command give way to the machine's real work. */

/** The same shape as `global.priority` of the configuration. */
export interface Priority {
  nice: number;
  ionice: 'idle' | 'best-effort' | 'none';
}

export type Words = [string, ...string[]];

/** The command behind `nice` and `ionice`, as far as this machine has them. */
export function givingWay(priority: Priority, command: Words, find: (tool: string) => string | undefined): Words {
  const ionice = priority.ionice === 'none' ? undefined : find('ionice');
  const nice = priority.nice === 0 ? undefined : find('nice');
  const level = priority.ionice === 'idle' ? ['-c', '3'] : ['-c', '2', '-n', '7'];
  const inner: Words = ionice === undefined ? command : [ionice, ...level, ...command];
  return nice === undefined ? inner : [nice, '-n', String(priority.nice), ...inner];
}
