/** Takes the stream of events up into the history and into the step logs. */
import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Journal } from '#engine/ports.ts';
import type { RunEvent } from '#engine/run.ts';
import type { Redis } from '#queue/connection.ts';
import { endOfEvents, readEvents } from '#queue/events.ts';
import type { Projection } from '#store/projection.ts';

export interface ProjectorPorts {
  /** A connection of its own: it blocks. */
  redis: Redis;
  journal: Journal;
  projection: Projection;
  logDir: string;
  /** Told when a step has ended, for good or for this attempt. */
  onStepEnded(run: string): void;
  /** Told of failures to write a log; the history goes on without it. */
  onTrouble(error: unknown): void;
}

/** Follows the stream until the signal fires. */
export async function projectEvents(ports: ProjectorPorts, signal: AbortSignal): Promise<void> {
  const cursor = ports.projection.cursor() ?? (await endOfEvents(ports.redis));
  await mkdir(join(ports.logDir, 'runs'), { recursive: true });
  const isNew = rememberLately();
  for await (const batch of readEvents(ports.redis, cursor, signal)) {
    const events = batch.events.filter(isNew);
    ports.journal.atomically(() => {
      for (const event of events) project(ports, event);
      ports.projection.moveTo(batch.cursor);
    });
    for (const event of events) if (endsStep(event)) ports.onStepEnded(event.run);
    await writeLogs(ports, events).catch((error: unknown) => ports.onTrouble(error));
  }
}

/** How many events are compared with those that follow. */
const REMEMBERED = 2_000;

/**
 * Who wrote an event as Redis died does not know whether it is in the stream, and writes it once more. What happens to
 * runs and steps is told once; a command may well log the same line twice.
 */
function rememberLately(): (event: RunEvent) => boolean {
  const seen = new Set<string>();
  return (event) => {
    if (event.type !== 'run' && event.type !== 'step') return true;
    const text = JSON.stringify(event);
    if (seen.has(text)) return false;
    seen.add(text);
    for (const oldest of seen) if (seen.size > REMEMBERED) seen.delete(oldest);
    return true;
  };
}

function project({ journal, projection }: ProjectorPorts, event: RunEvent): void {
  if (event.type !== 'step') return;
  if (event.status === 'running') {
    projection.began(event);
    if (event.text !== null) journal.tellStory(event.run, event.text);
    else if (event.attempt > 1) journal.tellStory(event.run, `step ${event.step}: attempt ${event.attempt}`);
  } else if (event.text !== null) {
    journal.tellStory(event.run, `step ${event.step}, attempt ${event.attempt}: ${event.text}`);
  }
}

function endsStep(event: RunEvent): boolean {
  return event.type === 'step' && event.status !== 'running' && event.text === null;
}

/** One file a run, one JSON object a line. */
async function writeLogs({ logDir }: ProjectorPorts, events: readonly RunEvent[]): Promise<void> {
  const lines = new Map<string, string[]>();
  for (const event of events) {
    const line = logLine(event);
    if (line !== null) lines.set(event.run, [...(lines.get(event.run) ?? []), line]);
  }
  for (const [run, text] of lines) {
    // The name comes out of Redis; only what looks like one of our ids may name a file.
    if (!/^[a-z0-9]+$/.test(run)) continue;
    await appendFile(join(logDir, 'runs', `${run}.jsonl`), `${text.join('\n')}\n`, { mode: 0o600 });
  }
}

function logLine(event: RunEvent): string | null {
  switch (event.type) {
    case 'log': {
      const { at, step, level, message, fields } = event;
      return JSON.stringify({ at, step, level, message, fields });
    }
    case 'step': {
      const { at, step, status, attempt, text } = event;
      const level = status === 'failed' ? 'error' : status === 'dispatched' ? 'warn' : 'info';
      return JSON.stringify({ at, step, level, message: text ?? status, fields: { attempt } });
    }
    case 'run':
      return JSON.stringify({ at: event.at, step: null, level: 'info', message: `run ${event.status}`, fields: {} });
    case 'progress':
      return null;
  }
}
