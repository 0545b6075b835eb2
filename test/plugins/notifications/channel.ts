/** A channel of a plugin for its tests: its actions as a worker performs them, with secrets that the test gives. */
import { createCatalog } from '#host/catalog.ts';
import { Processes } from '#host/exec.ts';
import { createMasker } from '#host/mask.ts';
import { performAction } from '#host/perform.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Plugin } from '#sdk/contract.ts';
import type { Message } from '#sdk/kinds/notification.ts';
import type { SecretRef } from '#sdk/secret.ts';
import { tempDir } from '#test/support/tmp.ts';

export interface Channel extends AsyncDisposable {
  send(message?: Partial<Message>): Promise<JsonObject>;
  check(): Promise<JsonObject>;
}

export const MESSAGE: Message = {
  id: 'b7k2mnpqrstv',
  event: 'backup_failed',
  severity: 'error',
  title: 'backup notes failed',
  text: 'notes itself is not changed.\nStep "copy → vault": the disk is full\nNext: make room',
  service: 'notes',
  host: 'nas',
  at: '2026-03-01T02:00:00.000Z',
};

/** A secret of a configuration whose value is the text itself. */
export function known(value: string): SecretRef {
  return { $secret: { path: value, source: { from: 'configuration' } } };
}

export async function openChannel(plugin: Plugin, config: JsonObject): Promise<Channel> {
  const dir = await tempDir();
  const processes = new Processes({ priority: { nice: 0, ionice: 'none' } });
  const silent = () => undefined;
  const ports = {
    catalog: createCatalog([plugin]),
    masker: createMasker(),
    host: 'nas',
    stateDir: dir.path,
    now: () => new Date(),
    secret: async ({ $secret }: SecretRef) => $secret.path,
    processes,
  };
  const perform = (action: string, input: JsonObject) =>
    performAction(
      {
        plugin: { kind: 'notification', type: plugin.id, name: 'alerts', config },
        uses: [],
        action,
        input,
        key: `test-${action}`,
        timeoutMs: 20_000,
        mayHaveRun: false,
        voice: { log: { debug: silent, info: silent, warn: silent, error: silent }, progress: silent },
      },
      ports,
      new AbortController().signal,
    );
  return {
    send: (message = {}) => perform('send', { message: { ...MESSAGE, ...message } as JsonObject }),
    check: () => perform('check', {}),
    async [Symbol.asyncDispose]() {
      await processes[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}
