/** A run that has ended, as a message: what happened, what it means, what to do next. */
import type { RunDetail, StepView } from '#engine/run.ts';
import { formatDuration } from '#kernel/duration.ts';
import { derivedId, shortId } from '#kernel/ids.ts';
import { localTime } from '#notify/local-time.ts';
import type { Origin } from '#notify/sender.ts';
import { EVENTS, type EventName } from '#sdk/events.ts';
import type { Message } from '#sdk/kinds/notification.ts';

/** @param event one of `eventsOf` the run. */
export function runMessage(run: RunDetail, event: EventName, origin: Origin): Message {
  const at = run.finishedAt ?? run.requestedAt;
  return {
    id: derivedId('message', run.id, event),
    event,
    severity: run.status === 'succeeded' ? 'info' : 'error',
    title: `${run.workflow} ${run.service} ${WORDS[run.status]}`,
    text: [...body(run), '', signature(run, at, origin)].join('\n'),
    service: run.service,
    host: run.host,
    at,
  };
}

/** Others of the same kind that were not sent are told with the next one that is. */
export function withHeldBack(
  message: Message,
  { held, since }: { held: number; since: string | null },
  zone: string,
): Message {
  if (held === 0) return message;
  const from = since === null ? '' : ` since ${localTime(since, zone)}`;
  const others = held === 1 ? '1 more of these was' : `${held} more of these were`;
  return { ...message, text: `${message.text}\n(${others} held back${from}: see  homelab-autopilot notify log)` };
}

/**
 * What the end of a run means for those who wait for it, the most telling first. Empty when there is nothing to tell: it
 * was cancelled by a person, or there was nothing to do.
 */
export function eventsOf({ workflow, status }: Pick<RunDetail, 'workflow' | 'status'>): EventName[] {
  switch (status) {
    case 'succeeded':
      // Of a restart nothing is told here: that the service is up again is told by the incident that is over.
      return workflow === 'rollback' ? ['rollback_executed'] : eventNamed(`${workflow}_success`);
    case 'rolled_back':
      // Of a rollback that was itself put back, or a restore that failed, nobody is told by another name.
      return workflow === 'update' ? ['rollback_executed', 'update_failed'] : failureOf(workflow);
    case 'failed':
      return failureOf(workflow);
    case 'needs_attention':
      return ['needs_attention'];
    case 'queued':
    case 'running':
    case 'skipped':
    case 'cancelled':
      return [];
  }
}

function failureOf(workflow: string): EventName[] {
  const [event = 'needs_attention'] = eventNamed(`${workflow}_failed`);
  return [event];
}

/** None when there is no such event: what no route can name is not told. */
function eventNamed(name: string): EventName[] {
  return EVENTS.filter((event) => event === name);
}

const WORDS: Record<RunDetail['status'], string> = {
  queued: 'waits',
  running: 'is running',
  succeeded: 'succeeded',
  skipped: 'had nothing to do',
  failed: 'failed',
  rolled_back: 'failed and was rolled back',
  cancelled: 'was cancelled',
  needs_attention: 'needs attention',
};

function body(run: RunDetail): string[] {
  if (run.status === 'succeeded') return success(run);
  const failed = run.steps.filter(({ status }) => status === 'failed');
  const reasons = failed.map(({ title, error }) => `Step "${title}": ${error ?? 'failed'}`);
  const next = run.next ?? failed[0]?.next ?? null;
  return [
    meaning(run),
    ...(reasons.length === 0 && run.reason !== null ? [run.reason] : reasons),
    ...copies(run),
    ...outage(run),
    ...(next === null ? [] : [`Next: ${next}`]),
  ];
}

function success(run: RunDetail): string[] {
  const seal = run.steps.find(({ action }) => action === 'seal')?.summary ?? null;
  return [
    run.restorePoint === null ? 'Done.' : `Restore point ${run.restorePoint}.`,
    ...(seal === null ? [] : [`Read back: ${seal}.`]),
    ...copies(run),
    ...outage(run),
  ];
}

function outage({ service, outageMs }: RunDetail): string[] {
  if (outageMs === null) return [];
  const seconds = outageMs / 1_000;
  const long = seconds < 60 ? `${seconds.toFixed(1)} s` : formatDuration(Math.round(seconds) * 1_000);
  return [`${service} was stopped for ${long}.`];
}

function copies(run: RunDetail): string[] {
  const verified = run.steps.filter((step) => step.action === 'verifyCopy' && isDone(step));
  // The steps of each destination carry its name.
  const places = verified.map(({ name }) => name.replace(/^verify-/, ''));
  return places.length === 0 ? [] : [`Complete and verified: the copy on ${places.join(' and on ')}.`];
}

function meaning(run: RunDetail): string {
  const { service, status, steps } = run;
  if (status === 'needs_attention') return 'It could not be put back: please look at it.';
  const resumed = steps.some((step) => step.action === 'resume' && !step.undo && isDone(step));
  const again = resumed ? ', and what was stopped for it runs again' : '';
  return status === 'rolled_back'
    ? `What was changed is put back${again}.`
    : `${service} itself is not changed${again}.`;
}

function isDone({ status }: StepView): boolean {
  return status === 'succeeded' || status === 'reused';
}

function signature(run: RunDetail, at: string, { homelab, timezone }: Origin): string {
  return `${homelab} · ${run.host} · run ${shortId(run.id)} · ${localTime(at, timezone)}`;
}
