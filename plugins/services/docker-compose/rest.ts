/** Brings a project's data to rest, and starts again what that stopped, also in another process after a crash. */
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { nearest } from '#kernel/nearest.ts';
import { milliseconds } from '#sdk/duration.ts';
import type { ComposeTools } from './config.ts';
import { databaseServices } from './databases.ts';
import { compose, docker } from './docker.ts';
import { refuseOwn } from './own-container.ts';
import { type Container, type Project, projectNamed, requireProject, serviceNames, servicesOf } from './project.ts';
import { forgetStopped, readStopped, writeStopped } from './stopped.ts';
import { composeKnown } from './strangers.ts';
import { watchProject } from './verdict.ts';

/** Writes down what runs before it stops it: what a killed process has stopped is started by the next one. */
export async function quiesce(
  tools: ComposeTools,
  { all, databases }: { all: boolean; databases: 'stop' | 'keep' },
): Promise<{ summary: string; outage: boolean }> {
  const project = await requireProject(tools);
  const together = all || tools.config.backup.quiesce.stop === 'all';
  // A database that is still to be dumped goes on.
  const kept = all && databases === 'stop' ? [] : databaseServices(tools);
  const named = together ? servicesOf(project.containers) : await wantedServices(tools, project);
  const wanted = named.filter((service) => !kept.includes(service));
  const running = wanted.filter((service) => project.containers.some((one) => one.service === service && runs(one)));
  const services = [...new Set([...(await stoppedBefore(tools, project)), ...running])];
  await refuseOwn(
    tools,
    project.containers.filter(({ service }) => running.includes(service)),
  );
  const files = [...project.files];
  if (services.length > 0) await writeStopped(tools, { project: project.name, services, files, all: together });
  await stopServices(tools, project, { services: running, together });
  const outage = services.length > 0;
  return { summary: outage ? `${services.join(', ')} stopped; outage begins` : 'nothing to stop', outage };
}

/** Starts what was stopped, the last first, and waits until it works. Without a note there is nothing to do. */
export async function resume(tools: ComposeTools, { judge }: { judge: boolean }): Promise<{ summary: string }> {
  const note = await readStopped(tools);
  if (note === undefined) return { summary: 'nothing to start' };
  const { services, all } = note;
  const found = await projectNamed(tools, note.project);
  const project = { ...found, files: found.files.length > 0 ? found.files : note.files };
  await startServices(tools, project, { services: services.toReversed(), together: all });
  if (judge) await waitUntilWorking(tools, note);
  await forgetStopped(tools);
  return { summary: `${services.toReversed().join(', ')} started` };
}

/** The services to stop. A name that no container has is looked up in the compose file, which takes Compose a while. */
export async function wantedServices(tools: ComposeTools, project: Project): Promise<string[]> {
  const { stop } = tools.config.backup.quiesce;
  const there = servicesOf(project.containers);
  if (stop === 'all') return there;
  if (stop.every((service) => there.includes(service))) return stop;
  const known = await serviceNames(tools, project);
  const unknown = stop.find((service) => !known.includes(service));
  if (unknown === undefined) return stop;
  const meant = nearest(unknown, known);
  const message = `${tools.name}: backup.quiesce.stop names ${unknown}, which is no service of the compose file`;
  throw new AutopilotError('HA_CONFIG_INVALID', meant === undefined ? message : `${message}; did you mean ${meant}?`, {
    next: `its services are ${known.join(', ')}`,
  });
}

/** What an execution that was cut short has stopped, as far as it still exists. */
async function stoppedBefore(tools: ComposeTools, project: Project): Promise<string[]> {
  const note = await readStopped(tools);
  if (note?.project !== project.name) return [];
  return note.services.filter((service) => project.containers.some((one) => one.service === service));
}

export function runs({ status }: Container): boolean {
  return status === 'running' || status === 'restarting';
}

function limit(tools: ComposeTools): { timeoutMs: number } {
  return { timeoutMs: milliseconds(tools.config.backup.quiesce.timeout) };
}

interface Some {
  services: readonly string[];
  /** All that runs, in the order of Compose's own dependencies. */
  together: boolean;
}

/** Those that are listed go one by one, without the time that Compose needs; all of them in Compose's own order. */
export async function stopServices(tools: ComposeTools, project: Project, { services, together }: Some): Promise<void> {
  if (services.length === 0) return;
  const alone = together
    ? await composeKnown(tools, project, { words: ['stop'], services, ...limit(tools) })
    : services;
  for (const service of alone) await docker(tools, ['stop', ...containersOf(project, service)], limit(tools));
}

export async function startServices(
  tools: ComposeTools,
  project: Project,
  { services, together }: Some,
): Promise<void> {
  const present = services.filter((service) => containersOf(project, service).length > 0);
  const started = together && (await startTogether(tools, project, present));
  if (!started) await startOneByOne(tools, project, present);
  const gone = services.filter((service) => !present.includes(service));
  if (gone.length > 0) await makeAgain(tools, project, gone);
}

/** Somebody has removed it meanwhile; that it runs again at the end was promised. */
async function makeAgain(tools: ComposeTools, project: Project, services: readonly string[]): Promise<void> {
  tools.log.warn('somebody has removed containers; they are made again', { services: services.join(', ') });
  try {
    await compose(tools, project, { words: ['up', '-d', '--no-build', '--no-deps', ...services], ...limit(tools) });
  } catch (cause) {
    const message = `${tools.name}: the container of ${services.join(', ')} is gone, and cannot be made again`;
    throw new AutopilotError('HA_NOT_FOUND', `${message}: ${errorText(cause)}`, {
      cause,
      next: `make it again:  docker compose up -d  in ${project.directory}`,
    });
  }
}

/** A compose file that was broken meanwhile must not keep down what ran before: Docker needs none to start it. */
async function startTogether(tools: ComposeTools, project: Project, services: readonly string[]): Promise<boolean> {
  if (services.length === 0) return true;
  try {
    await compose(tools, project, { words: ['start', ...services], ...limit(tools) });
    return true;
  } catch (error) {
    tools.log.warn('Compose did not start the services; Docker is asked itself', { error: errorText(error) });
    return false;
  }
}

/** One that fails must not keep the others from being started. */
async function startOneByOne(tools: ComposeTools, project: Project, services: readonly string[]): Promise<void> {
  const failures: unknown[] = [];
  for (const service of services) {
    const started = docker(tools, ['start', ...containersOf(project, service)], limit(tools));
    await started.catch((error: unknown) => failures.push(error));
  }
  if (failures[0] !== undefined) throw failures[0];
}

function containersOf(project: Project, service: string): string[] {
  return project.containers.filter((one) => one.service === service).map(({ id }) => id);
}

async function waitUntilWorking(tools: ComposeTools, note: { project: string; services: string[] }): Promise<void> {
  const { timeout } = tools.config.backup.quiesce;
  const look = async () => {
    const { containers } = await projectNamed(tools, note.project);
    return containers.filter(({ service }) => note.services.includes(service));
  };
  const { healthy, summary } = await watchProject(tools, look, { timeoutMs: milliseconds(timeout), stableForMs: 0 });
  if (healthy) return;
  throw new AutopilotError('HA_CHECK_FAILED', `${tools.name} does not work after ${timeout}: ${summary}`, {
    next: `look at  docker compose ps  in ${tools.config.path}; if it only needs longer, raise backup.quiesce.timeout`,
  });
}
