/** The process behind `homelab-autopilot`: streams, signals, exit status. */
import { createInterface } from 'node:readline/promises';
import { stripVTControlCharacters } from 'node:util';
import type { Terminal } from '#cli/context.ts';
import { coloured, plain, wantsColour } from '#cli/render/style.ts';
import { realRooms } from '#cli/rooms.ts';
import { runCli } from '#cli/run.ts';
import manifest from '../../package.json' with { type: 'json' };

const FALLBACK_SIZE = { columns: 80, rows: 24 };

function terminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  const stderrColour = wantsColour(stderr.isTTY, process.env);
  return {
    write: (text) => void stdout.write(text),
    // Lines are coloured for standard output; where standard error goes to a file, that is taken off again.
    tell: (line) => void stderr.write(`${stderrColour ? line : stripVTControlCharacters(line)}\n`),
    live: stdout.isTTY && process.env['TERM'] !== 'dumb',
    size: () => (stdout.isTTY ? { columns: stdout.columns, rows: stdout.rows } : FALLBACK_SIZE),
    style: wantsColour(stdout.isTTY, process.env) ? coloured : plain,
    ask: stdin.isTTY && stderr.isTTY ? ask : null,
  };
}

/** Asks on standard error, so that the data of a command stays clean. */
async function ask(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}

/** The first Ctrl-C ends things in order, which may take a while; only who insists (the third) gets out at once. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  let times = 0;
  const stop = (signal: NodeJS.Signals) => {
    times += 1;
    if (times === 3) process.exit(130);
    controller.abort(signal);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return controller.signal;
}

// `… | head` closes the pipe when it has seen enough: that is not a failure of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
}

const status = await runCli(process.argv.slice(2), manifest.version, {
  rooms: realRooms,
  terminal: terminal(),
  env: process.env,
  interrupted: interruption(),
  now: () => new Date(),
});

// What a library still holds open must not keep a command that has ended. Everything written before this is out then.
process.stdout.write('', () => process.exit(status));
