/** `runs logs`: the log of a run, from its file on the controller's machine. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '#app/settings.ts';
import { askHistory, isAway } from '#cli/actions/history.ts';
import { settingsOf } from '#cli/actions/settings.ts';
import type { Context } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { logText, parseLogLine } from '#cli/render/logs.ts';
import { type Call, flag, text, word } from '#cli/spec.ts';
import { type Tail, tailOf } from '#cli/tail.ts';
import { isTerminal } from '#engine/run.ts';
import { AutopilotError, systemCode } from '#kernel/errors.ts';
import { ID_PATTERN } from '#kernel/ids.ts';
import { pause } from '#kernel/wait.ts';

const POLL_MS = 250;
/** How many polls pass between two questions whether the run has ended. */
const POLLS_PER_QUESTION = 4;
/** The last lines reach the file a moment after the run has ended. */
const STRAGGLERS_MS = 500;

export async function runLogs(context: Context, call: Call): Promise<ExitStatus> {
  const settings = await settingsOf(context, call);
  const folder = join(settings.config.global.logDir, 'runs');
  const id =
    (await idFromFiles(folder, word(call, 0))) ??
    (await askHistory(context, settings, async (history) => (await history.run(word(call, 0))).id));
  const tail = tailOf(join(folder, `${id}.jsonl`));
  const printed = await printMore(context, settings, { call, tail });
  if (flag(call, 'follow')) return follow(context, settings, { call, tail, id });
  if (printed === 0) context.terminal.tell(`Run ${id} has no log on this machine (${folder}).`);
  return EXIT.done;
}

async function follow(
  context: Context,
  settings: Settings,
  { call, tail, id }: { call: Call; tail: Tail; id: string },
): Promise<ExitStatus> {
  for (let polls = 0; !context.interrupted.aborted; polls += 1) {
    const over = polls % POLLS_PER_QUESTION === 0 && (await hasEnded(context, settings, id));
    if (over) await pause(STRAGGLERS_MS, context.interrupted);
    await printMore(context, settings, { call, tail });
    if (over) return EXIT.done;
    await pause(POLL_MS, context.interrupted);
  }
  return EXIT.interrupted;
}

/** While nobody can tell, the log is followed on. */
async function hasEnded({ rooms }: Context, settings: Settings, id: string): Promise<boolean> {
  try {
    using history = await rooms.openHistory(settings);
    if (history !== null) return isTerminal(history.run(id).status);
    await using controller = await rooms.connectController(settings);
    return isTerminal((await controller.run(id)).status);
  } catch (error) {
    if (isAway(error)) return false;
    throw error;
  }
}

async function printMore(
  { terminal }: Context,
  settings: Settings,
  { call, tail }: { call: Call; tail: Tail },
): Promise<number> {
  const lines = await tail.more();
  const step = text(call, 'step');
  const view = { zone: settings.config.global.timezone, style: terminal.style };
  for (const line of lines) {
    const parsed = parseLogLine(line);
    if (parsed === undefined || (step !== undefined && parsed.step !== step)) continue;
    terminal.write(`${flag(call, 'json') ? JSON.stringify(parsed) : logText(parsed, view)}\n`);
  }
  return lines.length;
}

/** The files themselves tell what a prefix means, so that a log can be read with nothing running. */
async function idFromFiles(folder: string, prefix: string): Promise<string | undefined> {
  if (ID_PATTERN.test(prefix)) return prefix;
  const ids = (await namesIn(folder))
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.replace(/\.jsonl$/, ''));
  if (ids.length > 1) {
    throw new AutopilotError('HA_USAGE', `several runs begin with "${prefix}"`, {
      next: `For example: ${ids.slice(0, 3).join(', ')}`,
    });
  }
  return ids[0];
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.jsonl'));
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'EACCES') return [];
    throw error;
  }
}
