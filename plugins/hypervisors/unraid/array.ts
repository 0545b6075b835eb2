/** The array of an Unraid server: containers and virtual machines need it started, and nothing here starts or stops it. */
import { AutopilotError } from '#kernel/errors.ts';
import { read, type Unraid } from './api.ts';
import { ARRAY } from './operations.ts';

/** Why no guest can be there; undefined when the array is started, or when that cannot be seen. */
export async function arrayProblem(unraid: Unraid): Promise<AutopilotError | undefined> {
  const state = await stateOf(unraid).catch(refusedOnly);
  if (state === undefined || state === 'STARTED') return undefined;
  const message = `${unraid.tools.name}: ${stoppedText(state)}`;
  return new AutopilotError('HA_REMOTE_REFUSED', message, { next: 'start it on the Main page of the server' });
}

/** What a person should look at. */
export async function arrayWarnings(unraid: Unraid): Promise<string[]> {
  const { array } = await read(unraid, ARRAY);
  const disks = [array.parities, array.disks, array.caches].flatMap((some) => some ?? []);
  return [
    ...(array.state === 'STARTED' ? [] : [stoppedText(array.state)]),
    ...disks.flatMap(({ name, status, numErrors }) => {
      const bad = status === null || status === undefined || HARMLESS.has(status) ? [] : [`is ${status}`];
      const errors = (numErrors ?? 0) > 0 ? [`has ${numErrors} errors`] : [];
      return [...bad, ...errors].map((what) => `disk ${name ?? 'without a name'} ${what}`);
    }),
  ];
}

/** A slot without a disk is no fault. */
const HARMLESS = new Set(['DISK_OK', 'DISK_NP']);

async function stateOf(unraid: Unraid): Promise<string> {
  return (await read(unraid, ARRAY)).array.state;
}

function stoppedText(state: string): string {
  return `the array is not started (${state}); without it there are no containers and no virtual machines`;
}

function refusedOnly(error: unknown): undefined {
  if (error instanceof AutopilotError && error.code === 'HA_REMOTE_REFUSED') return undefined;
  throw error;
}
