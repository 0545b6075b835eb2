/** The reference page of the command line, made from the command specs. */
import { PROGRAM_NAME, PROGRAM_OPTIONS } from '#cli/program.ts';
import { type CommandSpec, JSON_OPTION, type OptionSpec } from '#cli/spec.ts';

const HEAD = `# Command line

<!-- Made from src/cli/commands by src/cli/reference.ts. Renew it with: npx vitest run test/cli/reference.test.ts -u -->

Data goes to standard output, messages to standard error. With \`--json\` standard output is one JSON document; commands that
follow something print one JSON object a line. Ids may be shortened to any beginning that is unique. Every command has
\`--help\`.

| exit status | meaning |
|---|---|
| 0 | done; with \`--wait\`: every run succeeded, or had nothing to do |
| 1 | the run or the check failed |
| 2 | wrong use, or wrong configuration |
| 3 | Redis or the controller cannot be reached |
| 130 | interrupted |

Colour is used on terminals; \`NO_COLOR=1\` turns it off. \`HOMELAB_AUTOPILOT_DEBUG=1\` adds the developer's view to errors.
`;

export function cliReference(commands: readonly CommandSpec[]): string {
  const list = commands.map(({ name, summary }) => `| [\`${name}\`](#${name}) | ${cell(summary)} |`);
  return [
    HEAD,
    '## Commands\n',
    '| command | does |\n|---|---|',
    ...list,
    '\n## Global options\n',
    ...optionRows(PROGRAM_OPTIONS),
    ...commands.flatMap((command) => section(command, PROGRAM_NAME, 2)),
    '',
  ].join('\n');
}

function section(spec: CommandSpec, before: string, depth: number): string[] {
  const path = `${before} ${spec.name}`;
  const title = path.slice(PROGRAM_NAME.length + 1);
  const options = [...(spec.options ?? []), ...(spec.json === true ? [JSON_OPTION] : [])];
  return [
    `\n${'#'.repeat(depth)} ${title}\n`,
    ...(spec.children === undefined ? [`\`${usageOf(path, spec, options)}\`\n`] : []),
    spec.details ?? `${spec.summary.slice(0, 1).toUpperCase()}${spec.summary.slice(1)}.`,
    ...(spec.whenBare === undefined ? [] : [`\n\`${title}\` alone is \`${title} ${spec.whenBare}\`.`]),
    ...(spec.arguments === undefined ? [] : ['', ...argumentRows(spec)]),
    ...(options.length === 0 ? [] : ['', ...optionRows(options)]),
    '\n```sh',
    ...exampleLines(spec),
    '```',
    ...(spec.children ?? []).flatMap((child) => section(child, path, depth + 1)),
  ];
}

function usageOf(path: string, spec: CommandSpec, options: readonly OptionSpec[]): string {
  const words = (spec.arguments ?? []).map(({ name }) => name);
  return [path, ...words, ...(options.length > 0 ? ['[options]'] : [])].join(' ');
}

function argumentRows(spec: CommandSpec): string[] {
  const rows = (spec.arguments ?? []).map(({ name, text, choices }) => {
    const known = choices === undefined ? '' : ` (${choices.join(', ')})`;
    return `| \`${name}\` | ${cell(text + known)} |`;
  });
  return ['| argument | meaning |\n|---|---|', ...rows];
}

function optionRows(options: readonly OptionSpec[]): string[] {
  return ['| option | meaning |\n|---|---|', ...options.map(({ flags, text }) => `| \`${flags}\` | ${cell(text)} |`)];
}

function exampleLines({ examples }: CommandSpec): string[] {
  const column = Math.max(...examples.map(({ line }) => line.length));
  return examples.map(({ line, text }) => `${line.padEnd(column)}  # ${text}`);
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
