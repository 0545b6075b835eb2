/** After the storm: what the promises say must hold, counted. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunStatus, RunView } from '#engine/run.ts';
import { isTerminal } from '#engine/run.ts';
import type { Kill, Span } from '#test/chaos/faults.ts';
import { harmed } from '#test/chaos/faults.ts';
import type { LabService } from '#test/chaos/lab.ts';
import type { Entry } from '#test/fixtures/drill/world.ts';
import { FIRST_CONTENT, files, ledgerOf } from '#test/fixtures/drill/world.ts';

export interface Finding {
  kind: 'lost' | 'stuck' | 'doubleTerminal' | 'wrongStatus' | 'wrongWorld' | 'doubleEffects' | 'falseDeaths';
  service: string;
  run: string | null;
  text: string;
}

/** Which terminal statuses are right for an accepted run. */
export type Expectations = ReadonlyMap<string, ReadonlySet<RunStatus>>;

/** @param runs all runs of the service that the history knows, in order of request. */
export function judgeService(service: LabService, runs: readonly RunView[], expected: Expectations): Finding[] {
  const finding = (kind: Finding['kind'], run: string | null, text: string): Finding => {
    return { kind, service: service.name, run, text };
  };
  const found: Finding[] = [];
  for (const { id, status, reason } of runs) {
    if (!isTerminal(status)) found.push(finding('stuck', id, `still ${status}`));
    else if (expected.get(id)?.has(status) === false) found.push(finding('wrongStatus', id, `${status}: ${reason}`));
  }
  const ledger = ledgerOf(service.folder);
  const succeeded = runs.filter(({ status }) => status === 'succeeded').map(({ id }) => id);
  for (const problem of worldProblems(service.folder, succeeded)) found.push(finding('wrongWorld', null, problem));
  for (const { run, step, note } of ledger.filter(({ what }) => what === 'overlap')) {
    found.push(finding('wrongWorld', run, `${step} began while another was at work: ${note}`));
  }
  for (const { id } of runs) {
    const hooks = ledger.filter(({ what, run }) => what === 'hook' && run === id).length;
    if (hooks > 1) found.push(finding('doubleEffects', id, `its hook ran ${hooks} times`));
    if (hooks === 0 && succeeded.includes(id)) found.push(finding('wrongWorld', id, 'it succeeded without its hook'));
  }
  return found;
}

/** The terminal statuses that were ever announced of a run, from its log: there is one. */
export function announcedEnds(logDir: string, run: string): string[] {
  const file = join(logDir, 'runs', `${run}.jsonl`);
  if (!existsSync(file)) return [];
  const words = readFileSync(file, 'utf8').matchAll(/"message":"run ([a-z_]+)"/g);
  return [...words].map(([, status = '']) => status).filter((status) => status !== 'queued' && status !== 'running');
}

/** Content wholly of the last run that succeeded; its marks, and those of the ones before it; and nothing else. */
function worldProblems(folder: string, succeeded: readonly string[]): string[] {
  const problems: string[] = [];
  const content = readFileSync(files.content(folder), 'utf8');
  const wanted = succeeded.at(-1) ?? FIRST_CONTENT;
  if (content !== wanted) problems.push(`the content is "${content}", not "${wanted}"`);
  const names = new Set(readdirSync(folder));
  for (const name of ['content', 'ledger', 'busy']) names.delete(name);
  for (const run of succeeded) {
    for (const side of ['side-a', 'side-b']) {
      if (!names.delete(`${side}.${run}`)) problems.push(`${side} of the run ${run} is missing`);
    }
  }
  for (const name of names) problems.push(name === 'stopped' ? 'the service is down' : `left over: ${name}`);
  return problems;
}

export interface Recovery {
  ms: number;
  /** Who died. */
  pid: number;
  killedAt: number;
  run: string;
  step: string;
}

/** How long after the death of its worker each step that this worker was at went on, in milliseconds. */
export function recoveries(ledger: readonly Entry[], kills: readonly Kill[]): Recovery[] {
  const times: Recovery[] = [];
  for (const { pid, at } of kills) {
    for (const begun of ledger) {
      if (begun.what !== 'begin' || begun.pid !== pid || begun.at > at) continue;
      const { run, step } = begun;
      if (ledger.some((entry) => entry.what === 'end' && same(entry, begun) && entry.pid === pid)) continue;
      const next = ledger.find((entry) => entry.what === 'begin' && entry.run === run && entry.at > at);
      if (next !== undefined && (next.step === step || next.pid !== pid))
        times.push({ ms: next.at - at, pid, killedAt: at, run, step });
    }
  }
  return times;
}

/**
 * What the product itself took of a recovery: from the last thing that the storm did to it on its way, which is a
 * death of another process or the end of a pause, cut or full disk, until the step went on.
 */
export function sinceLastFault(
  { killedAt, ms, pid, ...step }: Recovery,
  { kills, spans }: { kills: readonly Kill[]; spans: readonly Span[] },
): Recovery {
  const wentOn = killedAt + ms;
  const deaths = kills.filter((kill) => kill.pid !== pid).map(({ at }) => at);
  const faults = [...deaths, ...spans.map(({ to }) => to)].filter((at) => at > killedAt && at < wentOn);
  return { ...step, pid, killedAt, ms: wentOn - Math.max(killedAt, ...faults) };
}

/** A fault that has just ended may have taken effect: Redis back from a pause, a connection just made anew. */
const AFTERMATH_MS = 10_000;

/** Steps that were taken from a worker which had neither died nor been kept from doing its part. */
export function falseDeaths(
  service: string,
  ledger: readonly Entry[],
  { kills, spans }: { kills: readonly Kill[]; spans: readonly Span[] },
): Finding[] {
  const found: Finding[] = [];
  const begun = ledger.filter(({ what }) => what === 'begin');
  for (const [index, first] of begun.entries()) {
    const again = begun.slice(index + 1).find(({ run, step }) => run === first.run && step === first.step);
    if (again === undefined) continue;
    const ended = ledger.some((entry) => {
      return entry.what === 'end' && entry.pid === first.pid && same(entry, first) && entry.at <= again.at;
    });
    const died = kills.some(({ pid, at }) => pid === first.pid && at >= first.at - 1_000 && at <= again.at);
    // One that ended may have been tried again for a reason of its own.
    if (ended || died || harmed(spans, { from: first.at - AFTERMATH_MS, to: again.at })) continue;
    const text = `${first.step} was begun again by ${again.pid} while ${first.pid} was at it`;
    found.push({ kind: 'falseDeaths', service, run: first.run, text });
  }
  return found;
}

function same(a: Entry, b: Entry): boolean {
  return a.run === b.run && a.step === b.step && a.at >= b.at;
}
