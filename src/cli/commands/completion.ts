/** `completion`: for the shells. */
import type { CommandSpec } from '#cli/spec.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

export const completionCommand: CommandSpec = {
  name: 'completion',
  summary: 'print a completion script for a shell',
  arguments: [{ name: '<shell>', text: 'the shell that you use', choices: SHELLS }],
  examples: [
    { line: 'source <(homelab-autopilot completion bash)', text: 'in ~/.bashrc' },
    { line: 'source <(homelab-autopilot completion zsh)', text: 'in ~/.zshrc' },
    { line: 'homelab-autopilot completion fish | source', text: 'in config.fish' },
  ],
  run: async (context, call) => (await import('#cli/actions/completion.ts')).printCompletion(context, call),
};
