/** A Compose project that runs on a test's engine, with every sort of volume, mount and service. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '#kernel/json.ts';
import { IMAGE, type TestEngine } from '#test/support/docker.ts';

const BASE = `{ image: "${IMAGE}", network_mode: none, init: true, command: [sleep, "1000"], restart: unless-stopped }`;

/** A shop: two services that go on, one that does its work and ends, volumes of all sorts. */
export const SHOP = `
services:
  web:
    <<: &base ${BASE}
    env_file: app.env
    volumes: ["files:/files", "./data:/data", "MEDIA:/media:ro", "scratch:/scratch"]
  db:
    <<: *base
    volumes: ["tables:/tables", "/cache"]
    healthcheck: { test: [CMD, test, "!", -e, /tables/sick], interval: 1s, retries: 1 }
  setup:
    <<: *base
    command: ["true"]
    restart: "no"
volumes:
  files:
  tables:
  scratch: { driver_opts: { type: tmpfs, device: tmpfs } }
`;

export interface Shop {
  path: string;
  media: string;
  config(backup?: JsonObject, more?: JsonObject): JsonObject;
  /** When a service's container was last started or stopped; null for one that does not run. */
  state(service: string): Promise<{ running: boolean; started: string; finished: string; id: string }>;
}

export async function startShop(engine: TestEngine, directory: string): Promise<Shop> {
  const path = join(directory, 'shop');
  const media = join(directory, 'media');
  await mkdir(join(path, 'data'), { recursive: true });
  await mkdir(media);
  await writeFile(join(path, 'compose.yaml'), SHOP.replace('MEDIA', media));
  await writeFile(join(path, 'app.env'), 'COLOUR=blue\n');
  await engine.compose(path, 'up', '-d');
  return {
    path,
    media,
    config: (backup = {}, more = {}) => ({ path, socket: engine.socket, backup, ...more }),
    async state(service) {
      const id = await engine.docker(
        'ps',
        '-aq',
        '--no-trunc',
        '--filter',
        `label=com.docker.compose.service=${service}`,
      );
      const { State } = JSON.parse(await engine.docker('container', 'inspect', '--format', '{{json .}}', id));
      return { id, running: State.Running, started: State.StartedAt, finished: State.FinishedAt };
    },
  };
}
