/** Services that run and that the compose file does not name any more: Compose refuses a command that names one of them. */
import { AutopilotError } from '#kernel/errors.ts';
import type { ExecOptions } from '#sdk/tools.ts';
import type { ComposeTools } from './config.ts';
import { type ComposeProject, compose } from './docker.ts';

/**
 * Runs a command of Compose for those services that it knows; where none is named, for all.
 * @returns the strangers among them, which are left to Docker itself.
 */
export async function composeKnown(
  tools: ComposeTools,
  project: ComposeProject,
  { words, services, ...options }: ExecOptions & { words: readonly string[]; services: readonly string[] },
): Promise<string[]> {
  const strangers: string[] = [];
  let known = [...services];
  // `config --services` would not do: a service behind a profile is not listed, and may be named all the same.
  do {
    try {
      await compose(tools, project, { words: [...words, ...known], ...options });
      return strangers;
    } catch (error) {
      const stranger = strangerIn(error);
      if (stranger === undefined || !known.includes(stranger)) throw error;
      strangers.push(stranger);
      known = known.filter((one) => one !== stranger);
    }
  } while (known.length > 0);
  return strangers;
}

/** Older and newer Compose say it in the same words. */
function strangerIn(error: unknown): string | undefined {
  if (!(error instanceof AutopilotError)) return undefined;
  return /no such service: "?([A-Za-z0-9][A-Za-z0-9._-]*)/i.exec(error.message)?.[1];
}
