/** Caddy: its files, its certificates, and the configuration that it really runs, through its admin API. */
import { stat } from 'node:fs/promises';
import { AutopilotError } from '#kernel/errors.ts';
import { milliseconds } from '#sdk/duration.ts';
import { type Source, service } from '#sdk/kinds/service.ts';
import { badIn } from '#sdk/probes.ts';
import { runningIfUp } from './admin.ts';
import { Backup, type CaddyTools, Config, Update } from './config.ts';
import { lookAtAll, runAgain, startCaddy, stopCaddy, watchCaddy } from './control.ts';
import { configFiles, driftNow, validateFile } from './file.ts';
import { restart } from './restart.ts';
import { forgetStopped, makeFolder, noteStopped, savedFile, saveRunning, wasStopped } from './saved.ts';
import { checkUpdate, currentVersion, fetch, hold, letGo, release, revert, standby, update } from './update.ts';

export const plugin = service.define({
  id: 'caddy',
  title: 'Caddy',
  config: Config,
  backup: Backup,
  update: Update,
  actions: {
    async inspect(tools) {
      const [results, version] = await Promise.all([lookAtAll(tools), currentVersion(tools)]);
      const bad = badIn(results);
      const drift = await driftNow(tools, await runningIfUp(tools).catch(() => undefined));
      const told = [...bad, ...(drift === undefined ? [] : [drift])];
      return {
        state: bad.length === 0 ? 'up' : 'down',
        ...(version === null ? {} : { version }),
        detail: told.length === 0 ? 'the admin API answers, and Caddy runs what its file says' : told.join('; '),
      };
    },

    async sources(tools) {
      const { config_file: file, data_dir: data, backup } = tools.config;
      const files = await configFiles(tools);
      const folders = [data, ...backup.paths];
      // Caddy makes its directory when it needs one; without a certificate there may be none yet.
      const there = (await stat(data).catch(() => undefined)) !== undefined;
      const sources: Source[] = [
        ...files.map((path) => ({ path, exclude: [] })),
        { path: await makeFolder(tools), exclude: [] },
        ...folders.filter((path) => path !== data || there).map((path) => ({ path, exclude: backup.exclude })),
      ];
      const absent = there ? [] : [`not in the backup: ${data}, which does not exist`];
      return { sources, warnings: [...absent, ...(await problemsOfRunning(tools, file))] };
    },

    async quiesce(tools, { all }) {
      const running = await runningIfUp(tools);
      await saveRunning(tools, running?.text);
      const saved = running === undefined ? 'Caddy does not answer' : 'running configuration saved';
      const outage = all && (running !== undefined || (await wasStopped(tools)));
      if (!outage) return { summary: `${saved}; Caddy goes on`, outage: false };
      // One whose file is wrong could not be started again.
      await validateFile(tools);
      await noteStopped(tools);
      await stopCaddy(tools);
      return { summary: `${saved}, Caddy stopped; outage begins`, outage: true };
    },

    async resume(tools, { judge }) {
      if (!(await wasStopped(tools))) return { summary: 'nothing to start' };
      await startCaddy(tools);
      const again = await runAgain(tools, savedFile(tools));
      if (judge) await requireWorking(tools);
      await forgetStopped(tools);
      return { summary: again ? 'Caddy started, with the configuration that ran' : 'Caddy started' };
    },

    restart,
    validate: watchCaddy,
    release,
    checkUpdate,
    fetch,
    hold,
    letGo,
    update,
    standby,
    revert,
  },
});

/** A backup is made all the same: it is on a bad day that it is wanted. */
async function problemsOfRunning(tools: CaddyTools, file: string): Promise<string[]> {
  const running = await runningIfUp(tools);
  const drift = await driftNow(tools, running);
  const { admin } = tools.config;
  if (running !== undefined) return drift === undefined ? [] : [drift];
  return [
    ...(drift === undefined ? [] : [drift]),
    `not in the backup: the configuration that runs, for nobody answers at ${admin} (start Caddy, or correct \`admin\`); ${file} is`,
  ];
}

async function requireWorking(tools: CaddyTools): Promise<void> {
  const { timeout } = tools.config;
  const { healthy, summary } = await watchCaddy(tools, { timeoutMs: milliseconds(timeout), stableForMs: 0 });
  if (healthy) return;
  throw new AutopilotError('HA_CHECK_FAILED', `${tools.name} does not work after ${timeout}: ${summary}`, {
    next: 'look at Caddy; if it only needs longer to start, raise `timeout` of the service',
  });
}
