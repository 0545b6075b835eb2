/** The recent tasks of a host or vCenter, by the API. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { propertiesOf, reachedFrom } from './collector.ts';
import { Reference, Text } from './markup.ts';
import { type Session, understood } from './session.ts';
import { faultOf } from './soap.ts';
import type { Board, Task } from './tasks.ts';

const Info = z.looseObject({
  task: Reference,
  state: Text,
  descriptionId: Text.default(''),
  entity: Reference.optional(),
  reason: z.looseObject({ userName: Text.optional() }).catch({}),
  error: z.looseObject({ fault: z.unknown().optional(), localizedMessage: Text.default('') }).optional(),
});
type Info = z.output<typeof Info>;

export function boardOf(session: Session, objects: readonly string[]): Board {
  const all = async () =>
    (await recent(session)).filter(({ entity }) => objects.includes(entity?.id ?? '')).map(taskOf);
  return {
    tools: session.tools,
    user: session.user,
    keys: async () => (await all()).map(({ key }) => key),
    all,
    one: async (key) => await taskCalled(session, key),
  };
}

/** What holds each guest now, by the guest's handle. */
export async function locks(session: Session): Promise<Map<string, string>> {
  const tasks = (await recent(session)).map((info) => ({ ...taskOf(info), on: info.entity?.id ?? '' }));
  return new Map(tasks.filter(({ state }) => state === 'active').map(({ on, what }) => [on, what]));
}

async function recent(session: Session): Promise<Info[]> {
  const { tools, content } = session;
  const step = { type: 'TaskManager', path: 'recentTask' };
  const found = await reachedFrom(session, content.taskManager, { step, wanted: [{ type: 'Task', paths: ['info'] }] });
  // A task that was forgotten while it was asked for has no properties.
  return found.flatMap(({ properties: { info } }) =>
    info === undefined ? [] : [understood(tools, Info, { value: info, what: 'the recent tasks' })],
  );
}

/** @returns undefined when the server has forgotten it: it was started anew, or the task ended long ago. */
async function taskCalled(session: Session, key: string): Promise<Task | undefined> {
  try {
    const { info } = await propertiesOf(session, { type: 'Task', id: key }, z.looseObject({ info: Info }), ['info']);
    return taskOf(info);
  } catch (error) {
    if (error instanceof AutopilotError && error.code === 'HA_NOT_FOUND') return undefined;
    throw error;
  }
}

function taskOf({ task, state, descriptionId, reason, error }: Info): Task {
  const ended = state === 'error' ? 'failed' : 'done';
  return {
    key: task.id,
    state: state === 'running' || state === 'queued' ? 'active' : ended,
    fault: faultOf(error?.fault, '', error?.localizedMessage ?? ''),
    what: descriptionId,
    user: reason.userName,
  };
}
