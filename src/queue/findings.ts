/** The way of what checks found, from the workers to the controller: a stream of batches. */
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Result } from '#monitor/check.ts';
import { Finding } from '#monitor/check.ts';
import { FINDINGS_KEY } from '#queue/names.ts';
import { endOfStream, START_OF_STREAM } from '#queue/stream.ts';

/** Hours of batches, should no controller be there; more would be of no interest when it comes back. */
const MAX_BATCHES = 2_000;

/** Batches that are taken up together. */
const MOST_BATCHES = 200;

/** Shorter than a silent connection is given up. */
const BLOCK_MS = 2_000;

/** Told by age, so that no two clocks are compared but Redis's and the controller's. */
const Batch = z.array(Finding.extend({ ageMs: z.number().nonnegative() }));

export type AgedFinding = z.output<typeof Batch>[number];

/** @throws when Redis did not take it; it is sent again with the next batch then. */
export async function sendFindings(redis: Redis, findings: readonly AgedFinding[]): Promise<void> {
  await redis.xadd(FINDINGS_KEY, 'MAXLEN', '~', MAX_BATCHES, '*', 'f', JSON.stringify(findings));
}

/**
 * The batches after the cursor. Waits for a moment when there are none.
 * @param redis a connection of the reader's own: it blocks.
 */
export async function readFindings(redis: Redis, cursor: string): Promise<{ cursor: string; results: Result[] }> {
  const answer = await redis.xread('COUNT', MOST_BATCHES, 'BLOCK', BLOCK_MS, 'STREAMS', FINDINGS_KEY, cursor);
  const entries = (answer ?? []).flatMap(([, all]) => all);
  return { cursor: entries.at(-1)?.[0] ?? cursor, results: entries.flatMap(([id, fields]) => parse(id, fields[1])) };
}

/** What is taken up needs no room any more. */
export async function dropFindings(redis: Redis, cursor: string): Promise<void> {
  const [ms = '0', place = '0'] = cursor.split('-');
  await redis.xtrim(FINDINGS_KEY, 'MINID', `${ms}-${Number(place) + 1}`);
}

/** A Redis that lost its memory, or whose clock was set back, counts from an earlier place. */
export async function placeAfter(redis: Redis, cursor: string | null): Promise<string> {
  if (cursor === null) return START_OF_STREAM;
  const end = await endOfStream(redis, FINDINGS_KEY);
  return isBefore(end, cursor) ? START_OF_STREAM : cursor;
}

function isBefore(a: string, b: string): boolean {
  const [aMs = 0, aPlace = 0] = a.split('-').map(Number);
  const [bMs = 0, bPlace = 0] = b.split('-').map(Number);
  return aMs < bMs || (aMs === bMs && aPlace < bPlace);
}

function parse(id: string, text: string | undefined): Result[] {
  const parsed = Batch.safeParse(JSON.parse(text ?? 'null'));
  if (!parsed.success) return [];
  const sentAt = Number(id.split('-')[0]);
  return parsed.data.map(({ ageMs, ...finding }) => ({ ...finding, at: sentAt - ageMs }));
}
