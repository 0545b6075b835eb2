/** The voice of the demo. */

const colour = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;

export function title(number: string, text: string): void {
  const line = `${number}  ${text}`;
  say(`\n${colour ? `\u001B[1m${line}\u001B[0m` : line}\n`);
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Says what was found; what was promised and not found ends the demo. */
export function check(holds: boolean, text: string): void {
  if (!holds) throw new Error(`this should hold, and does not: ${text}`);
  say(`✔ ${text}`);
}
