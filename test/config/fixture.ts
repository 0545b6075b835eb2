/** A small catalog and a temporary directory for tests of the configuration. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { type CheckedConfig, checkConfig } from '#config/load.ts';
import { createCatalog } from '#host/catalog.ts';
import type { Plugin } from '#sdk/contract.ts';
import { Duration, milliseconds } from '#sdk/duration.ts';
import { secret } from '#sdk/secret.ts';

const plugins: Plugin[] = [
  {
    kind: 'service',
    id: 'generic',
    title: 'A fixture',
    config: z.object({
      commands: z.record(z.string(), z.array(z.string())).optional(),
      port: z.int().optional(),
      guard: z.union([z.string(), z.object({ after: z.int() })]).optional(),
      validate: z
        .array(
          z.discriminatedUnion('type', [
            z.object({ type: z.literal('http'), url: z.string() }),
            z.object({ type: z.literal('tcp'), port: z.int(), token: secret().optional() }),
          ]),
        )
        .default([]),
      token: secret().optional(),
    }),
    backup: z.object({
      paths: z.array(z.string().meta({ path: true })).min(1),
      exclude: z.array(z.string()).default([]),
      quiesce: z
        .object({
          stop: z.array(z.string()).default([]),
          timeout: Duration.default('60s'),
        })
        .prefault({}),
    }),
    actions: { restart: async () => ({}) },
  },
  {
    kind: 'service',
    id: 'docker-compose',
    title: 'Another',
    // Makes another form of what is written, which its schema does not take again.
    config: z.object({ path: z.string(), wait: Duration.transform(milliseconds).prefault('5s') }),
    actions: {},
  },
  {
    kind: 'notification',
    id: 'pager',
    title: 'A channel',
    config: z.object({ url: secret(), loud: z.boolean().default(false) }),
    actions: {},
  },
  {
    kind: 'hypervisor',
    id: 'kvm',
    title: 'A hypervisor',
    config: z.object({ url: z.string(), token: secret().optional(), graceful: z.boolean().default(true) }),
    actions: {},
  },
  {
    kind: 'destination',
    id: 'local',
    title: 'A directory',
    config: z.object({ path: z.string().meta({ path: true }), require_mount: z.boolean().default(false) }),
    actions: {},
  },
  {
    kind: 'destination',
    id: 'webdav',
    title: 'With a secret',
    config: z.object({ url: z.string(), password: secret() }),
    actions: {},
  },
];

export const catalog = createCatalog(plugins);

/** Writes files into a new directory that goes when the test ends. */
export async function written(files: Record<string, string>): Promise<string> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ha-config-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(directory, name)), { recursive: true });
    await writeFile(path.join(directory, name), text, { mode: 0o600 });
  }
  return directory;
}

/** Checks one main file, and more files where a test needs them. */
export async function checked(
  main: string,
  options: { files?: Record<string, string>; env?: Record<string, string> } = {},
): Promise<CheckedConfig & { directory: string }> {
  const directory = await written({ 'homelab-autopilot.yaml': main, ...options.files });
  const result = await checkConfig({ cwd: directory, env: options.env ?? {}, catalog });
  return { ...result, directory };
}

/** What a configuration is without being wrong anywhere, for tests that add one fault. */
export const SOUND = `version: 1
global:
  timezone: Europe/Berlin
  host: nas
hosts:
  docker-1: {}
destinations:
  usb: { type: local, path: /mnt/usb }
  vault: { type: local, path: vault }
backup:
  schedule: "0 3 * * *"
  destinations: [usb, vault]
  retention: { keep_daily: 7 }
services:
  - name: notes
    type: generic
    backup:
      paths: [/srv/notes]
`;
