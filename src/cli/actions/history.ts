/** The history, from the controller, or from the state file when no controller answers. */
import type { Settings } from '#app/settings.ts';
import type { Context } from '#cli/context.ts';
import type { History } from '#cli/ports.ts';
import { AutopilotError } from '#kernel/errors.ts';

type Reader = Pick<History, 'runs' | 'run'>;
type Answers = { [K in keyof Reader]: (...parameters: Parameters<Reader[K]>) => Awaitable<ReturnType<Reader[K]>> };
type Awaitable<T> = T | Promise<T>;

/** Asks the controller; without one the state file, and says so. */
export async function askHistory<T>(
  { rooms, terminal }: Context,
  settings: Settings,
  ask: (history: Answers) => Awaitable<T>,
): Promise<T> {
  try {
    await using controller = await rooms.connectController(settings);
    return await ask(controller);
  } catch (error) {
    if (!isAway(error)) throw error;
    using history = await rooms.openHistory(settings);
    if (history === null) throw error;
    terminal.tell('No controller answers; this is what the state file tells.');
    return await ask(history);
  }
}

export function isAway(error: unknown): error is AutopilotError {
  return (
    error instanceof AutopilotError && (error.code === 'HA_REDIS_UNREACHABLE' || error.code === 'HA_NO_CONTROLLER')
  );
}
