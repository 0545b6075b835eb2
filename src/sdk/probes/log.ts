/** The log probe: lines that must, or must not, have been written since a container or program was started. */
import { open } from 'node:fs/promises';
import { z } from 'zod';
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';
import { DockerSocket } from '#sdk/docker/socket.ts';
import { milliseconds } from '#sdk/duration.ts';
import { compileExpression, Expression } from '#sdk/expression.ts';
import { type Inspected, inspectContainer } from '#sdk/probes/container.ts';
import type { Seen } from '#sdk/probes/seen.ts';
import { timeout, Word } from '#sdk/probes/settings.ts';
import type { Tools } from '#sdk/tools.ts';

/** As much of a log is read, from its end. The same that a command's output is cut to. */
const READ_BYTES = 1024 * 1024;

const SHOWN_CHARACTERS = 160;

export const LogProbe = z
  .strictObject({
    type: z.literal('log'),
    container: Word.optional().describe('A container: all that it wrote since it was started the last time'),
    file: z.string().startsWith('/').optional().describe('A file: the end of it, up to 1 MiB').meta({ path: true }),
    after: Expression.optional().describe(
      'Only lines after the last one that matches this (RE2): what a program writes when it starts',
    ),
    must: z.array(Expression).default([]).describe('For each of these (RE2) there must be a line that matches'),
    must_not: z.array(Expression).default([]).describe('No line may match any of these (RE2)'),
    socket: DockerSocket,
    timeout,
  })
  .refine(({ container, file }) => (container === undefined) !== (file === undefined), {
    message: 'needs either a container or a file',
  })
  .refine(({ must, must_not: mustNot }) => must.length + mustNot.length > 0, {
    message: 'needs a line that must, or must not, be there: must, must_not',
  });
type LogProbe = z.output<typeof LogProbe>;

export async function askLog(tools: Tools, probe: LogProbe): Promise<Seen> {
  const written = probe.file === undefined ? await ofContainer(tools, probe) : { text: await endOf(probe.file) };
  if (written === undefined) return { ok: false, detail: 'there is no such container' };
  const { text, ...began } = written;
  return { ...judge(probe, sinceStart(text.split('\n'), probe.after)), ...began };
}

async function ofContainer(tools: Tools, probe: LogProbe): Promise<{ text: string; began: string } | undefined> {
  const limits = { timeoutMs: milliseconds(probe.timeout), socket: probe.socket };
  const name = probe.container ?? '';
  const found = await inspectContainer(tools, { name, ...limits });
  if (found === undefined) return undefined;
  const words = ['logs', '--since', since(found), '--', found.id] as const;
  const env = { DOCKER_HOST: `unix://${probe.socket}` };
  const { stdout, stderr } = await tools.exec(['docker', ...words], { timeoutMs: limits.timeoutMs, env });
  return { text: `${stdout}\n${stderr}`, began: `${found.id} ${found.state.StartedAt}` };
}

/** How much later than the first lines of a container the engine may note that it was started. */
const NOTED_LATE_MS = 2_000;

/** In the middle between the end of the run before and the start: both are noted a little after they were. */
function since({ state }: Inspected): string {
  const started = Date.parse(state.StartedAt);
  const ended = Date.parse(state.FinishedAt);
  const earliest = started - NOTED_LATE_MS;
  const before = ended > 0 && ended <= started ? Math.max((ended + started) / 2, earliest) : earliest;
  return new Date(before).toISOString();
}

async function endOf(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const start = Math.max(0, size - READ_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
    const text = buffer.toString('utf8', 0, bytesRead);
    // The first line of a piece is the rest of one.
    return start === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } catch (cause) {
    const reasons: Record<string, string> = { ENOENT: 'there is no such file', EACCES: 'this user may not read it' };
    throw new AutopilotError('HA_CHECK_FAILED', reasons[systemCode(cause) ?? ''] ?? errorText(cause), { cause });
  }
}

function sinceStart(lines: string[], after: string | undefined): string[] {
  if (after === undefined) return lines;
  const start = lines.findLastIndex(compileExpression(after));
  return start === -1 ? [] : lines.slice(start + 1);
}

function judge({ must, must_not: mustNot }: LogProbe, lines: readonly string[]): Seen {
  const bad = mustNot.map((text) => lines.findLast(compileExpression(text))).find((line) => line !== undefined);
  if (bad !== undefined) return { ok: false, detail: `says: ${bad.trim().slice(0, SHOWN_CHARACTERS)}` };
  const missing = must.filter((text) => !lines.some(compileExpression(text)));
  if (missing.length > 0) return { ok: false, detail: `has no line with ${missing.join(', nor with ')} yet` };
  return { ok: true, detail: must.length === 0 ? 'has no bad line' : 'has the line that it must have' };
}
