/** `config`: the configuration, checked and shown. */
import type { CommandSpec } from '#cli/spec.ts';

const validateCommand: CommandSpec = {
  name: 'validate',
  summary: 'check the configuration; exit status 2 when it has errors',
  json: true,
  examples: [
    { line: 'homelab-autopilot config validate', text: 'the file that would be used' },
    { line: 'homelab-autopilot config validate --config new.yaml', text: 'another file' },
  ],
  run: async (context, call) => (await import('#cli/actions/config.ts')).validateConfig(context, call),
};

const showCommand: CommandSpec = {
  name: 'show',
  summary: 'print the configuration in effect, defaults filled in, secrets as ***',
  json: true,
  examples: [
    { line: 'homelab-autopilot config show', text: 'as YAML' },
    { line: 'homelab-autopilot config show --json', text: 'as JSON' },
  ],
  run: async (context, call) => (await import('#cli/actions/config.ts')).showConfig(context, call),
};

const getCommand: CommandSpec = {
  name: 'get',
  summary: 'print one value of the configuration in effect',
  arguments: [{ name: '<key>', text: 'dots between names; services by name or index' }],
  json: true,
  examples: [
    { line: 'homelab-autopilot config get global.state_dir', text: 'a value' },
    { line: 'homelab-autopilot config get services.notes.host', text: 'of a service, by name' },
  ],
  run: async (context, call) => (await import('#cli/actions/config.ts')).getConfig(context, call),
};

const schemaCommand: CommandSpec = {
  name: 'schema',
  summary: 'print the JSON Schema of the configuration, for editors',
  json: true,
  examples: [
    { line: 'homelab-autopilot config schema > homelab-autopilot.schema.json', text: 'for yaml-language-server' },
  ],
  run: async (context, call) => (await import('#cli/actions/config.ts')).configSchema(context, call),
};

export const configCommand: CommandSpec = {
  name: 'config',
  summary: 'check and show the configuration',
  examples: [
    { line: 'homelab-autopilot config validate', text: 'is it right?' },
    { line: 'homelab-autopilot config show', text: 'what is in effect?' },
  ],
  children: [validateCommand, showCommand, getCommand, schemaCommand],
};
