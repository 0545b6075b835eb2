/** Any program: its files are known, and the user's own commands bring it to rest and tell its version. */

import { milliseconds } from '#sdk/duration.ts';
import { service } from '#sdk/kinds/service.ts';
import { badIn, lookThrough, runProbes } from '#sdk/probes.ts';
import { asService, runAll, versionOf, workingAgain } from './commands.ts';
import { Backup, Config, Update } from './config.ts';
import { dump, endTryDumps, load, sourcesOf, tryDumps } from './databases.ts';
import { lacksStart, restart } from './restart.ts';
import { probesOf, startCommands, stopCommands } from './unit.ts';
import { checkUpdate, fetch, hold, letGo, rebootOf, release, revert, standby, update } from './update.ts';

export const plugin = service.define({
  id: 'generic',
  title: 'Any program',
  config: Config,
  backup: Backup,
  update: Update,
  lacks: { restart: lacksStart },
  actions: {
    async inspect(tools) {
      const [{ results }, version] = await Promise.all([lookThrough(tools, probesOf(tools)), versionOf(tools)]);
      const bad = badIn(results);
      const reboot = await rebootOf(tools);
      const unseen = results.length === 0 ? ['no probes are configured'] : bad;
      const details = [...unseen, ...version.problems, ...(reboot === undefined ? [] : [reboot])];
      const detail = details.length === 0 ? 'all probes are good' : details.join('; ');
      return { state: stateFrom(results), ...version.found, detail };
    },

    sources: async (tools) => ({ sources: sourcesOf(tools) }),
    dump,
    load,
    tryDumps,
    endTryDumps,

    async quiesce(tools) {
      const { commands, quiesce } = tools.config.backup;
      for (const command of commands.before) await tools.exec(command, { timeoutMs: milliseconds(commands.timeout) });
      for (const command of stopCommands(tools)) await tools.exec(command, asService(quiesce.timeout));
      const outage = stopCommands(tools).length > 0;
      const ran = commands.before.length > 0 ? [`${counted(commands.before.length, 'before-command')} done`] : [];
      const stopped = outage ? ['service stopped; outage begins'] : [];
      return { summary: [...ran, ...stopped].join(', ') || 'nothing to stop', outage };
    },

    async resume(tools, { judge }) {
      const { commands, quiesce } = tools.config.backup;
      // One that fails must not keep the others from being run: whatever can be started again is.
      const failures = [
        ...(await runAll(tools, startCommands(tools), asService(quiesce.timeout))),
        ...(await runAll(tools, commands.after, asService(commands.timeout))),
      ];
      if (failures[0] !== undefined) throw failures[0];
      return { summary: judge ? await workingAgain(tools) : 'service started' };
    },

    restart,

    async validate(tools, timing) {
      return runProbes(tools, probesOf(tools), timing);
    },

    checkUpdate,
    release,
    fetch,
    hold,
    letGo,
    update,
    standby,
    revert,
  },
});

function stateFrom(results: readonly { ok: boolean }[]): 'up' | 'down' | 'unknown' {
  if (results.length === 0) return 'unknown';
  return results.every(({ ok }) => ok) ? 'up' : 'down';
}

function counted(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}
