/** Restarts a project that does not work: all of it that is meant to run, and nothing that a person has stopped. */
import { errorText } from '#kernel/errors.ts';
import { isOneShot } from '#sdk/probes/container.ts';
import type { ComposeTools } from './config.ts';
import { refuseOwn } from './own-container.ts';
import { type Container, findProject, type Project, projectNamed, servicesOf } from './project.ts';
import { runs, startServices, stopServices } from './rest.ts';
import { forgetStopped, readStopped, type Stopped, writeStopped } from './stopped.ts';

interface Done {
  restarted: boolean;
  summary: string;
}

/** What is stopped is written down first: whoever comes after a crash knows that it was us. */
export async function restart(tools: ComposeTools, { stop }: { stop: boolean }): Promise<Done> {
  const note = await readStopped(tools);
  if (!stop) return note === undefined ? { restarted: false, summary: 'nothing to start' } : startOnly(tools, note);
  const project = note === undefined ? await findProject(tools) : await projectNamed(tools, note.project);
  const ours = note?.services ?? [];
  const wanted = project?.containers.filter((one) => ours.includes(one.service) || isWanted(one)) ?? [];
  const services = [...new Set([...ours, ...servicesOf(wanted)])];
  if (project === undefined || services.length === 0) return { restarted: false, summary: leftAlone(project) };
  const running = wanted.filter(runs);
  await refuseOwn(tools, running);
  const files = project.files.length > 0 ? [...project.files] : (note?.files ?? []);
  const noted = { project: project.name, services, files, all: true };
  await writeStopped(tools, noted);
  await stopServices(tools, project, { services: servicesOf(running), together: true });
  await startNoted(tools, noted);
  return { restarted: true, summary: `${services.join(', ')} restarted` };
}

async function startOnly(tools: ComposeTools, note: Stopped): Promise<Done> {
  try {
    await startNoted(tools, note);
    return { restarted: true, summary: `${note.services.join(', ')} started` };
  } catch (error) {
    tools.signal.throwIfAborted();
    return { restarted: false, summary: `could not be started: ${errorText(error)}` };
  }
}

/** The note stays while something of it is not started: otherwise that would look like stopped by a person. */
async function startNoted(tools: ComposeTools, note: Stopped): Promise<void> {
  const found = await projectNamed(tools, note.project);
  const project = { ...found, files: found.files.length > 0 ? found.files : note.files };
  await startServices(tools, project, { services: note.services.toReversed(), together: note.all });
  await forgetStopped(tools);
}

/** It runs, or has crashed, or was made and never started. */
function isWanted(container: Container): boolean {
  const { status } = container;
  if (runs(container) || status === 'created') return true;
  return status === 'exited' && !isOneShot(container) && !isStoppedOnPurpose(container);
}

/** With these it could not be started at all, or the engine itself was killed: nobody has stopped it. */
const NEVER_BY_HAND: ReadonlySet<number> = new Set([125, 126, 127, 128, 255]);

/** What Docker is to keep running, it starts again by itself when it crashes: one that is down was stopped. */
function isStoppedOnPurpose({ restart: policy, exitCode }: Container): boolean {
  return (policy === 'always' || policy === 'unless-stopped') && !NEVER_BY_HAND.has(exitCode);
}

function leftAlone(project: Project | undefined): string {
  if (project === undefined || project.containers.length === 0)
    return 'it has no containers: somebody has taken it down';
  return `${servicesOf(project.containers).join(', ')}: stopped by somebody, and left so`;
}
