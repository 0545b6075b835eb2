/** `rehearse SERVICE`: one line for each breakage as it is over, and how many of them were got over. */
import type { Attempt } from '#app/rehearse/attempt.ts';
import type { Rehearsal } from '#app/rehearse/rehearse.ts';
import { settingsOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import type { Style } from '#cli/render/style.ts';
import { printable } from '#cli/render/text.ts';
import { type Call, flag, text, word } from '#cli/spec.ts';

export async function rehearseUpdate(context: Context, call: Call): Promise<ExitStatus> {
  const settings = await settingsOf(context, call);
  const json = flag(call, 'json');
  const { style } = context.terminal;
  const rehearsal = await context.rooms
    .rehearse(settings, {
      service: word(call, 0),
      to: text(call, 'to'),
      signal: context.interrupted,
      tell: (line) => context.terminal.tell(line),
      onAttempt: (attempt) => (json ? undefined : printLines(context, [attemptLine(attempt, style)])),
    })
    .catch((error: unknown) => {
      if (context.interrupted.aborted) return null;
      throw error;
    });
  if (rehearsal === null) {
    context.terminal.tell('Interrupted.');
    return EXIT.interrupted;
  }
  if (json) printJson(context, rehearsal);
  else printLines(context, ['', verdict(rehearsal, style)]);
  return rehearsal.passed === rehearsal.tried && rehearsal.tidy ? EXIT.done : EXIT.failed;
}

function attemptLine({ name, ok, status, detail, seconds }: Attempt, style: Style): string {
  const what = `${name.padEnd(46)} ${status.padEnd(12)} ${`${seconds.toFixed(1)} s`.padStart(8)}  ${printable(detail)}`;
  if (ok === null) return `${style('warn', '–')} ${what}`;
  return `${ok ? style('good', '✔') : style('bad', '✘')} ${what}`;
}

function verdict(rehearsal: Rehearsal, style: Style): string {
  const { service, candidate, newer, passed, tried, attempts, seconds, tidy } = rehearsal;
  const score = `${passed}/${tried} in ${seconds} s`;
  const missing = attempts.length - tried;
  const untried = missing === 0 ? '' : ` (${missing} could not be tried here)`;
  const what = newer
    ? `the update of ${service} to ${candidate}`
    : `an update of ${service}; nothing is newer than what runs`;
  return `${style(passed === tried ? 'good' : 'bad', score)}${untried}: ${what}. The service itself was not touched${tidy ? ', nothing is left' : ''}.`;
}
