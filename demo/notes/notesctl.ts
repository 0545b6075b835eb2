/** Controls the notes service: `node demo/notes/notesctl.ts start|stop|status|flush|version|newest|upgrade|downgrade --data DIR [--port N]`. */
import { spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { until } from '#kernel/wait.ts';
import { pidFileOf, runningPid } from './pid-file.ts';
import { openNotes } from './store.ts';
import { install, installedVersion, offeredVersion } from './version.ts';

const START_MS = 15_000;
const STOP_MS = 10_000;

interface Target {
  data: string;
  port: string;
}

const commands: Record<string, (target: Target) => string | Promise<string>> = {
  start,
  stop,
  status,
  flush,
  version: ({ data }) => installedVersion(data),
  newest: ({ data }) => offeredVersion(data) ?? installedVersion(data),
  upgrade,
  downgrade,
};

/** Comes back when the service answers. Starting what runs already is a success. */
async function start(target: Target): Promise<string> {
  const running = runningPid(target.data);
  if (running !== undefined && (await answers(target))) return `already running, process ${running}`;
  const log = openSync(`${target.data}.log`, 'a');
  const words = [join(import.meta.dirname, 'app.ts'), '--port', target.port, '--data', target.data];
  // Detached: the service lives on when whoever asked for it, and everything of theirs, is ended.
  const child = spawn(process.execPath, words, { detached: true, stdio: ['ignore', log, log] });
  child.unref();
  const up = await until(async () => ((await answers(target)) ? true : child.exitCode === null ? undefined : false), {
    timeoutMs: START_MS,
    everyMs: 50,
  });
  if (up === true) return `started, process ${runningPid(target.data)}`;
  throw new Error(
    `the service did not start; its log ends so:\n${readFileSync(`${target.data}.log`, 'utf8').slice(-500)}`,
  );
}

/** Comes back when the service has ended. Stopping what does not run is a success. */
async function stop({ data }: Target): Promise<string> {
  const pid = runningPid(data);
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM');
    if (!(await ended(data))) process.kill(pid, 'SIGKILL');
    if (!(await ended(data))) throw new Error(`process ${pid} does not end`);
  }
  rmSync(pidFileOf(data), { force: true });
  return pid === undefined ? 'not running' : `stopped, process ${pid}`;
}

function status({ data }: Target): string {
  const pid = runningPid(data);
  if (pid === undefined) throw new Error('not running');
  return `running, process ${pid}`;
}

/** Brings the database file up to date, so that a copy of it is complete. Works while the service runs. */
function flush({ data }: Target): string {
  if (!existsSync(join(data, 'notes.db'))) throw new Error(`there are no notes in ${data}`);
  using notes = openNotes(data);
  notes.flush();
  return 'flushed';
}

async function upgrade(target: Target): Promise<string> {
  await stop(target);
  install(target.data, wantedVersion());
  return await start(target);
}

/** The program alone: its data comes back with the backup, and whoever brings that starts it. */
function downgrade({ data }: Target): string {
  install(data, wantedVersion());
  return `version ${installedVersion(data)} installed`;
}

function wantedVersion(): string {
  const version = process.env['HOMELAB_AUTOPILOT_VERSION'];
  if (version === undefined) throw new Error('$HOMELAB_AUTOPILOT_VERSION says which version');
  return version;
}

async function ended(data: string): Promise<boolean> {
  const gone = await until(() => (runningPid(data) === undefined ? true : undefined), { timeoutMs: STOP_MS });
  return gone === true;
}

/** Whether the service that answers on the port is the one of this data directory. */
async function answers({ port, data }: Target): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(1000) });
    const identity: unknown = await response.json();
    return typeof identity === 'object' && identity !== null && 'data' in identity && identity.data === data;
  } catch {
    return false;
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { port: { type: 'string', default: '8090' }, data: { type: 'string', default: 'notes-data' } },
});
const command = commands[positionals[0] ?? ''];
try {
  if (command === undefined) throw new Error(`the commands are: ${Object.keys(commands).join(', ')}`);
  const said = await command({ data: resolve(values.data), port: values.port });
  // Versions are read by programs.
  console.log(positionals[0] === 'version' || positionals[0] === 'newest' ? said : `notes: ${said}`);
} catch (error) {
  console.error(`notes: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
