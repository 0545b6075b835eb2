/** A plugin in any language: a program that describes itself, and then performs one action each time it is run. */
import type { Checked, Expected } from '#host/check-plugin.ts';
import { checkPlugin } from '#host/check-plugin.ts';
import { Processes } from '#host/exec.ts';
import { issuesText } from '#host/plugin-config.ts';
import { keysSchema, withSecrets } from '#host/program-config.ts';
import { answerIn, DESCRIBE, Description, PROTOCOL } from '#host/program-protocol.ts';
import { errorText } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Log, Tools } from '#sdk/tools.ts';

/** A program that waits for something before it describes itself would hold up the start of everything. */
const DESCRIBE_LIMIT_MS = 10_000;

/** Runs the program once, to be described. It has the rights of its caller, so it must be trusted by then. */
export async function loadProgram(file: string, expected: Expected): Promise<Checked> {
  try {
    const told = Description.safeParse(await describe(file));
    if (!told.success) return refused(`its description: ${issuesText(told.error)}`);
    return checkPlugin(pluginOf(file, told.data, expected), expected);
  } catch (error) {
    return refused(errorText(error));
  }
}

function refused(problem: string): Checked {
  return { plugin: undefined, problems: [problem] };
}

async function describe(file: string): Promise<JsonObject> {
  await using processes = new Processes({ priority: { nice: 0, ionice: 'none' }, graceMs: 200 });
  const { stdout } = await processes.exec(
    [file, DESCRIBE],
    { input: requestText({ protocol: PROTOCOL, action: DESCRIBE }), timeoutMs: DESCRIBE_LIMIT_MS },
    { signal: new AbortController().signal, log: silent, mask: (text) => text },
  );
  return answerIn(stdout, { file, action: DESCRIBE });
}

/** What its file would export if it were a module; not trusted to be a plugin before it is checked like one. */
function pluginOf(
  file: string,
  { title, config, backup, update, ...told }: Description,
  { kind, id }: Expected,
): unknown {
  return {
    kind,
    id,
    title,
    config: keysSchema(config),
    ...(backup === undefined ? {} : { backup: keysSchema(backup) }),
    ...(update === undefined ? {} : { update: keysSchema(update) }),
    ...(told.whole_rollback === undefined ? {} : { wholeRollback: true }),
    actions: Object.fromEntries(told.actions.map((action) => [action, performer(file, action)])),
  };
}

function performer(file: string, action: string): (tools: Tools, input: JsonObject) => Promise<JsonObject> {
  return async (tools, input) => {
    const request = {
      protocol: PROTOCOL,
      action,
      name: tools.name,
      host: tools.host,
      step: tools.stepKey,
      scratch: await tools.scratch(),
      config: await withSecrets(tools, tools.config),
      input,
    };
    tools.signal.throwIfAborted();
    const { stdout } = await tools.exec([file, action], { input: requestText(request) });
    return answerIn(stdout, { file, action });
  };
}

/** A line of its own, for programs that read lines. */
function requestText(request: JsonObject): string {
  return `${JSON.stringify(request)}\n`;
}

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
