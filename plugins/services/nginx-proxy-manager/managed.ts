/** Whether a manager still manages what it did: as many hosts and certificates, and an answer at the port of one of them. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import { pause, untilAnswered } from '#kernel/wait.ts';
import { milliseconds } from '#sdk/duration.ts';
import type { Release } from '#sdk/kinds/service.ts';
import { answerFor, healthOf, managedBy } from './api.ts';
import type { ManagerTools } from './config.ts';

/** What comes back out of a backup set is checked as if it came from anywhere. */
const Noted = z.object({
  counts: z.record(z.string(), z.int()),
  domain: z.string().nullable(),
  /** Status of the answer for the domain; null when nobody answered. */
  answered: z.int().nullable(),
});
type Noted = z.output<typeof Noted>;

const KEY = 'managed';

const PAUSE_MS = 500;

/**
 * @param asked the domain to be answered for; left out, the first one.
 * @returns undefined when no account is configured to count with.
 */
export async function notedNow(tools: ManagerTools, asked?: string | null): Promise<Noted | undefined> {
  const managed = await managedBy(tools);
  if (managed === undefined) return undefined;
  const { counts, domain: first } = managed;
  const domain = asked === undefined ? first : asked;
  const status = domain === null ? undefined : await answerFor(tools, domain);
  return { counts, domain, answered: status ?? null };
}

export function withNote(release: Release, noted: Noted | undefined): Release {
  const detail: JsonObject = noted === undefined ? release.detail : { ...release.detail, [KEY]: { ...noted } };
  return { ...release, detail };
}

/** Waits until it answers, and compares with what was noted in the release. @returns in words what was found. */
export async function requireSame(tools: ManagerTools, { detail }: Release): Promise<string> {
  const version = await untilHealthy(tools);
  const before = Noted.safeParse(detail[KEY]);
  if (!before.success) return version;
  const differences = await eventuallySame(tools, before.data);
  if (differences.length === 0) return `${version}, ${inWords(before.data.counts)}`;
  throw new AutopilotError('HA_CHECK_FAILED', `${tools.name}: ${differences.join('; ')}`, {
    next: 'see its log, and its pages',
  });
}

/** Its nginx is set up a little later than its API. */
async function eventuallySame(tools: ManagerTools, before: Noted): Promise<string[]> {
  for (let left = 20; ; left--) {
    const now = await notedNow(tools, before.domain);
    const differences = now === undefined ? [] : differencesBetween(before, now);
    if (differences.length === 0 || left === 0) return differences;
    await pause(PAUSE_MS, tools.signal);
  }
}

function differencesBetween(before: Noted, now: Noted): string[] {
  const counted = Object.entries(before.counts).filter(([what, count]) => now.counts[what] !== count);
  const told = counted.map(([what, count]) => `it had ${count} ${what}, and has ${now.counts[what] ?? 0} now`);
  const wasGood = before.answered !== null && before.answered < 500;
  const isGood = now.answered !== null && now.answered < 500;
  if (!wasGood || isGood) return told;
  const answer = now.answered === null ? 'nobody answers' : `status ${now.answered}`;
  return [...told, `it answered for ${before.domain}, and now: ${answer}`];
}

async function untilHealthy(tools: ManagerTools): Promise<string> {
  const timeoutMs = milliseconds(tools.config.start_timeout);
  return await untilAnswered(() => healthOf(tools), { timeoutMs, everyMs: PAUSE_MS, signal: tools.signal });
}

export function inWords(counts: Record<string, number>): string {
  return Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ');
}
