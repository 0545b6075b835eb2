/** `plugins`: what was found, whether it is right, and a start for a new one. */
import type { CommandSpec } from '#cli/spec.ts';

const PLUGIN_KINDS = ['hypervisor', 'service', 'destination', 'notification'] as const;

const listCommand: CommandSpec = {
  name: 'list',
  summary: 'list the plugins that were found, and those that were left out',
  json: true,
  examples: [{ line: 'homelab-autopilot plugins list', text: 'built-in ones and your own' }],
  run: async (context, call) => (await import('#cli/actions/plugins.ts')).listPlugins(context, call),
};

const checkCommand: CommandSpec = {
  name: 'check',
  summary: 'check the plugins of a folder; exit status 1 when one does not conform',
  arguments: [{ name: '<dir>', text: 'a folder with hypervisors/, services/, destinations/, notifications/' }],
  json: true,
  examples: [{ line: 'homelab-autopilot plugins check /etc/homelab-autopilot/plugins.d', text: 'your own plugins' }],
  run: async (context, call) => (await import('#cli/actions/plugins.ts')).checkPlugins(context, call),
};

const actionsCommand: CommandSpec = {
  name: 'actions',
  summary: 'tell what a plugin of a kind is asked; with --json, as JSON Schemas',
  arguments: [{ name: '<kind>', text: 'what it is for', choices: PLUGIN_KINDS }],
  json: true,
  examples: [{ line: 'homelab-autopilot plugins actions service --json', text: 'for a plugin in another language' }],
  run: async (context, call) => (await import('#cli/actions/plugins.ts')).listActions(context, call),
};

const newCommand: CommandSpec = {
  name: 'new',
  summary: 'write a new plugin that conforms and can be filled in',
  arguments: [
    { name: '<kind>', text: 'what it is for', choices: PLUGIN_KINDS },
    { name: '<name>', text: 'its type: in the configuration, as in my-nas' },
  ],
  options: [{ flags: '--dir <dir>', text: 'plugin folder (default: plugins.d beside the configuration)' }],
  json: true,
  examples: [
    { line: 'homelab-autopilot plugins new destination my-nas', text: 'writes plugins.d/destinations/my-nas.ts' },
  ],
  run: async (context, call) => (await import('#cli/actions/plugins.ts')).newPlugin(context, call),
};

export const pluginsCommand: CommandSpec = {
  name: 'plugins',
  summary: 'list, check and start plugins',
  examples: [
    { line: 'homelab-autopilot plugins', text: 'what was found' },
    { line: 'homelab-autopilot plugins new service wiki', text: 'a start for your own' },
  ],
  children: [listCommand, checkCommand, actionsCommand, newCommand],
  whenBare: 'list',
};
