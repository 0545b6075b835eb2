/** Containers of others that live in the network of one of the project's: who makes that one anew cuts them off. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import { connect } from '#sdk/docker/engine.ts';
import type { ComposeTools } from './config.ts';
import type { Container } from './project.ts';

/** @throws AutopilotError HA_CONFLICT: those of the project are made anew with it, and of others nobody here knows how. */
export async function refuseLodgers(tools: ComposeTools, containers: readonly Container[]): Promise<void> {
  if (tools.config.update.shared_network === 'allow') return;
  const [lodger] = await lodgersOf(tools, containers);
  if (lodger === undefined) return;
  const message = `${tools.name}: container ${lodger.name} is not of this project and lives in the network of ${lodger.host}, which an update replaces: it would reach nobody any more`;
  throw new AutopilotError('HA_CONFLICT', message, {
    next: `move it into the project, or set  update: { shared_network: allow }  and make it anew yourself after each update`,
  });
}

const Running = z.array(
  z.object({ Id: z.string(), Names: z.array(z.string()), HostConfig: z.object({ NetworkMode: z.string() }) }),
);

/** One question, whose answer is of one instant: on a busy engine containers come and go between two. */
async function lodgersOf(
  tools: ComposeTools,
  containers: readonly Container[],
): Promise<{ name: string; host: string }[]> {
  const engine = await connect(tools, tools.config);
  const running = await engine.ask(Running, '/containers/json');
  return running.flatMap(({ Id, Names: [name = ''], HostConfig: { NetworkMode: mode } }) => {
    if (!mode.startsWith('container:') || containers.some(({ id }) => id === Id)) return [];
    const wanted = mode.slice('container:'.length);
    const host = containers.find((one) => one.id === wanted || one.name === wanted);
    return host === undefined ? [] : [{ name: name.replace(/^\//, ''), host: host.service }];
  });
}
