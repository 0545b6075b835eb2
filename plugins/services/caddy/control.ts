/** Stops Caddy and starts it, looks that it did, and has it run again what it ran before. */
import { isDeepStrictEqual } from 'node:util';
import { AutopilotError } from '#kernel/errors.ts';
import { readIfThere } from '#kernel/if-there.ts';
import { until } from '#kernel/wait.ts';
import { milliseconds } from '#sdk/duration.ts';
import { lookThrough, type ProbeResult, type ProbeTiming, type Verdict, watchProbes } from '#sdk/probes.ts';
import type { ExecOptions } from '#sdk/tools.ts';
import { replaceConfig, runningConfig, runningIfUp } from './admin.ts';
import type { CaddyTools } from './config.ts';
import { validateFile } from './file.ts';

const PAUSE_MS = 200;

export async function stopCaddy(tools: CaddyTools): Promise<void> {
  for (const command of tools.config.stop) await tools.exec(command, asService(tools));
  const gone = await within(tools, async () => (await runningIfUp(tools)) === undefined);
  if (gone) return;
  const message = `${tools.name} still answers at ${tools.config.admin} after its stop commands`;
  throw new AutopilotError('HA_CHECK_FAILED', message, {
    next: 'correct `stop` or `admin` of the service: they may belong to two different Caddys',
  });
}

/** Looks at the file first: one that Caddy cannot run would leave it down without a word. */
export async function startCaddy(tools: CaddyTools): Promise<void> {
  await validateFile(tools);
  for (const command of tools.config.start) await tools.exec(command, asService(tools));
  if (await within(tools, async () => (await runningIfUp(tools)) !== undefined)) return;
  throw new AutopilotError('HA_CHECK_FAILED', `${tools.name} does not answer ${tools.config.timeout} after its start`, {
    next: 'see what Caddy says:  journalctl -u caddy',
  });
}

/** @returns whether there was anything to put back: without drift the file alone says it all. */
export async function runAgain(tools: CaddyTools, file: string): Promise<boolean> {
  const before = await readIfThere(file);
  if (before === undefined) return false;
  const now = await runningConfig(tools);
  if (isDeepStrictEqual(JSON.parse(before), now.config)) return false;
  await replaceConfig(tools, before, now.tag);
  return true;
}

/** Its admin API, besides the user's probes. */
export async function watchCaddy(tools: CaddyTools, timing: ProbeTiming): Promise<Verdict> {
  return await watchProbes(tools, timing, () => lookAtAll(tools));
}

export async function lookAtAll(tools: CaddyTools): Promise<ProbeResult[]> {
  const [admin, { results }] = await Promise.all([lookAtAdmin(tools), lookThrough(tools, tools.config.validate)]);
  return [admin, ...results];
}

async function lookAtAdmin(tools: CaddyTools): Promise<ProbeResult> {
  const began = performance.now();
  const detail = await runningConfig(tools).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  const durationMs = Math.round(performance.now() - began);
  return { probe: 'admin API', ok: detail === undefined, detail: detail ?? 'answers', durationMs };
}

async function within(tools: CaddyTools, ask: () => Promise<boolean>): Promise<boolean> {
  const { signal } = tools;
  const timeoutMs = milliseconds(tools.config.timeout);
  const answer = await until(async () => ((await ask()) ? true : undefined), { timeoutMs, everyMs: PAUSE_MS, signal });
  signal.throwIfAborted();
  return answer === true;
}

/** What such a command starts stays when it has ended, and must not run with a backup's low priority for ever. */
function asService(tools: CaddyTools): ExecOptions {
  return { timeoutMs: milliseconds(tools.config.timeout), priority: 'normal' };
}
