/** One step of monitoring: answers in; what is known now, what is to be written and what is to be told out. Pure. */
import { ofCheck, ofSubject } from '#monitor/account.ts';
import type { Check, Result } from '#monitor/check.ts';
import { keyOf, staleAfterMs, subjectOfFinding } from '#monitor/check.ts';
import { withHeartbeats } from '#monitor/heartbeat.ts';
import { settle } from '#monitor/incidents.ts';
import type { CheckState } from '#monitor/judge.ts';
import { judge } from '#monitor/judge.ts';
import { plannedBy } from '#monitor/own-runs.ts';
import type { Around, Delta, Step, World } from '#monitor/world.ts';

export function advance(world: World, results: readonly Result[], around: Around): Step {
  const states = new Map(world.states);
  const accounted = new Map(world.accounted);
  const deltas: Delta[] = [];
  const touched = new Set<string>();
  const members = membersOf(states, around.checks);
  const heard = withHeartbeats(world.states, results, around);
  for (const result of heard.toSorted((a, b) => a.at - b.at)) {
    const check = around.checks.get(result.check);
    // Of an earlier configuration.
    if (check === undefined) continue;
    const key = keyOf(result);
    const subject = subjectOfFinding(check, result.item);
    const before = states.get(key);
    const time = { from: result.at - result.tookMs, to: result.at };
    const planned = check.ask.kind !== 'resource' && plannedBy(subject, time, around) !== undefined;
    const after = judge(check, before, result, planned);
    if (after === before) continue;
    states.set(key, after);
    touched.add(key);
    const group = members.get(subject) ?? new Set();
    members.set(subject, group.add(key));
    // Of a host, only what is known now and its incidents are of interest.
    if (check.ask.kind === 'resource') continue;
    deltas.push(ofCheck(key, check, { before, after }));
    const known = [...group].flatMap((one) => states.get(one) ?? []);
    const longestMs = longest(known, around.checks);
    deltas.push(ofSubject(subject, result, { since: accounted.get(subject), states: known, longestMs }));
    accounted.set(subject, result.at);
  }
  const settled = settle({ states, incidents: world.incidents }, members, around);
  return {
    world: { states, incidents: settled.open, accounted },
    touched: [...touched],
    incidents: settled.changed,
    told: settled.told,
    mendable: settled.mendable,
    deltas,
  };
}

/** Which keys speak of which subject. */
function membersOf(
  states: ReadonlyMap<string, CheckState>,
  checks: ReadonlyMap<string, Check>,
): Map<string, Set<string>> {
  const members = new Map<string, Set<string>>();
  const add = (subject: string, key: string) => members.set(subject, (members.get(subject) ?? new Set()).add(key));
  for (const [key, { last }] of states) {
    const check = checks.get(last.check);
    if (check !== undefined) add(subjectOfFinding(check, last.item), key);
  }
  // What was never asked is not known to be good.
  for (const { id, subject, ask } of checks.values()) if (ask.kind !== 'resource') add(subject, id);
  return members;
}

function longest(states: readonly CheckState[], checks: ReadonlyMap<string, Check>): number {
  const all = states.flatMap(({ last }) => checks.get(last.check) ?? []);
  return Math.max(0, ...all.map(staleAfterMs));
}
