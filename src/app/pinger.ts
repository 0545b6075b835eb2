/** Puts pings of scheduled runs into the outbox, in the transaction that lets the run begin or end. */
import { pingLineName } from '#app/pings.ts';
import { pingsOf } from '#app/schedules.ts';
import type { Config } from '#config/types.ts';
import type { RunView } from '#engine/run.ts';
import { endWord, type PingWord, pingMessage } from '#notify/ping-message.ts';
import type { Outbox } from '#store/outbox.ts';

export interface Pinger {
  started(run: string): void;
  ended(run: string): void;
}

interface PingerPorts {
  config: Config;
  history: { run(id: string): RunView };
  outbox: Outbox;
  now(): Date;
}

/** Runs that a person asked for are none of a switch that watches a schedule: they would hide that it stands still. */
export function createPinger({ config, history, outbox, now }: PingerPorts): Pinger {
  const pinged = new Set(pingsOf(config).map(({ schedule }) => schedule));
  const tell = (id: string, wordOf: (run: RunView) => PingWord | null) => {
    if (pinged.size === 0) return;
    const run = history.run(id);
    const { schedule } = run;
    const word = wordOf(run);
    if (schedule === null || word === null || !pinged.has(schedule)) return;
    const channel = pingLineName(schedule);
    // What could not be told of the run before would be taken for news of this one.
    if (word === 'start') outbox.withdraw(channel, 'a later run is told of instead');
    outbox.add({ channel, status: 'waiting', message: pingMessage(run, word, now()), dueAt: now() });
  };
  return {
    started: (id) => tell(id, () => 'start'),
    ended: (id) => tell(id, endWord),
  };
}
