/** Completion scripts for the shells, made from the command specs. */
import { PROGRAM_NAME, PROGRAM_OPTIONS } from '#cli/program.ts';
import { type CommandSpec, JSON_OPTION } from '#cli/spec.ts';

/** One place where words can be completed: after these commands, these words. */
interface Place {
  path: string;
  commands: { name: string; summary: string }[];
  options: { name: string; summary: string; takesValue: boolean }[];
  choices: readonly string[];
}

export function completionScript(shell: 'bash' | 'zsh' | 'fish', commands: readonly CommandSpec[]): string {
  const places = placesOf(commands);
  switch (shell) {
    case 'bash':
      return bashScript(places);
    case 'zsh':
      // zsh runs bash completions; one script to keep right instead of two.
      return `autoload -U +X bashcompinit && bashcompinit\n${bashScript(places)}`;
    case 'fish':
      return fishScript(places);
  }
}

function placesOf(commands: readonly CommandSpec[]): Place[] {
  const root: Place = {
    path: '',
    commands: commands.map(brief),
    options: optionsOf([...PROGRAM_OPTIONS]),
    choices: [],
  };
  return [root, ...commands.flatMap((command) => placesIn(command, ''))];
}

function placesIn(spec: CommandSpec, before: string): Place[] {
  const path = before === '' ? spec.name : `${before} ${spec.name}`;
  const children = spec.children ?? [];
  const bare = children.find(({ name }) => name === spec.whenBare);
  const own = [spec, ...(bare === undefined ? [] : [bare])];
  const options = own.flatMap((part) => [...(part.options ?? []), ...(part.json === true ? [JSON_OPTION] : [])]);
  const choices = (spec.arguments ?? []).flatMap((argument) => argument.choices ?? []);
  const place = { path, commands: children.map(brief), options: optionsOf([...options, ...PROGRAM_OPTIONS]), choices };
  return [place, ...children.flatMap((child) => placesIn(child, path))];
}

function brief({ name, summary }: CommandSpec): Place['commands'][number] {
  return { name, summary };
}

function optionsOf(options: readonly { flags: string; text: string }[]): Place['options'] {
  return options.flatMap(({ flags, text }) => {
    const name = /--[a-z-]+/.exec(flags)?.[0];
    return name === undefined ? [] : [{ name, summary: text, takesValue: flags.includes('<') }];
  });
}

/** The script walks the words before the cursor and takes each that names a command; options are passed over. */
function bashScript(places: readonly Place[]): string {
  const cases = places.map(({ path, commands, options, choices }) => {
    const words = [...commands.map(({ name }) => name), ...choices, ...options.map(({ name }) => name)];
    return `    '${path}') words='${words.join(' ')}' ;;`;
  });
  const paths = places.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`);
  return `# completion of ${PROGRAM_NAME}
_homelab_autopilot() {
  local place='' next word words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    next="\${place:+$place }$word"
    case "$next" in
      ${paths.join('|')}) place="$next" ;;
    esac
  done
  case "$place" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _homelab_autopilot ${PROGRAM_NAME}
`;
}

function fishScript(places: readonly Place[]): string {
  const lines = places.flatMap((place) => {
    const on = `complete -c ${PROGRAM_NAME} -n '${fishCondition(place)}'`;
    return [
      ...place.commands.map(({ name, summary }) => `${on} -f -a ${name} -d ${quoted(summary)}`),
      ...place.choices.map((choice) => `${on} -f -a ${choice}`),
      ...place.options.map(
        ({ name, summary, takesValue }) => `${on} -l ${name.slice(2)}${takesValue ? ' -r' : ''} -d ${quoted(summary)}`,
      ),
    ];
  });
  return `# completion of ${PROGRAM_NAME}\n${lines.join('\n')}\n`;
}

function fishCondition({ path, commands }: Place): string {
  if (path === '') return '__fish_use_subcommand';
  const seen = path.split(' ').map((name) => `__fish_seen_subcommand_from ${name}`);
  const none = commands.map(({ name }) => name);
  return [...seen, ...(none.length === 0 ? [] : [`not __fish_seen_subcommand_from ${none.join(' ')}`])].join('; and ');
}

function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, (character) => `\\${character}`)}'`;
}
