/** Restarts a Caddy that does not work, and has it run again what it ran before, as far as that is known. */
import { errorText } from '#kernel/errors.ts';
import { isStoppedOnPurpose } from '#sdk/systemd-rest.ts';
import { runningIfUp } from './admin.ts';
import type { CaddyTools } from './config.ts';
import { runAgain, startCaddy, stopCaddy } from './control.ts';
import { validateFile } from './file.ts';
import { forgetStopped, noteStopped, savedFile, saveRunning, wasStopped } from './saved.ts';

interface Done {
  restarted: boolean;
  summary: string;
}

export async function restart(tools: CaddyTools, { stop }: { stop: boolean }): Promise<Done> {
  const ours = await wasStopped(tools);
  if (!stop) return ours ? await startOnly(tools) : { restarted: false, summary: 'nothing to start' };
  const unit = unitOf(tools);
  if (!ours && unit !== undefined && (await isStoppedOnPurpose(tools, unit))) {
    return { restarted: false, summary: `${unit} is stopped, and has not failed: somebody has stopped it` };
  }
  // One whose file is wrong could not be started again.
  await validateFile(tools);
  const running = await runningIfUp(tools).catch(() => undefined);
  // What an execution that was cut short has saved is what ran.
  if (running !== undefined || !ours) await saveRunning(tools, running?.text);
  await noteStopped(tools);
  await stopCaddy(tools);
  return { restarted: true, summary: await start(tools) };
}

async function start(tools: CaddyTools): Promise<string> {
  await startCaddy(tools);
  const again = await runAgain(tools, savedFile(tools));
  await forgetStopped(tools);
  return again ? 'Caddy started, with the configuration that ran' : 'Caddy started';
}

async function startOnly(tools: CaddyTools): Promise<Done> {
  try {
    return { restarted: true, summary: await start(tools) };
  } catch (error) {
    tools.signal.throwIfAborted();
    return { restarted: false, summary: `Caddy could not be started: ${errorText(error)}` };
  }
}

/** The unit, where its commands are those of systemd. */
function unitOf({ config }: CaddyTools): string | undefined {
  const [first, more] = config.start;
  const [program, verb, unit] = first ?? [];
  return more === undefined && program === 'systemctl' && verb === 'start' && first?.length === 3 ? unit : undefined;
}
