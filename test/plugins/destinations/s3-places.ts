/** Buckets of a real S3 server on loopback, with a bed whose destination `nas` is one of them. */
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { plugin as s3 } from '#plugins/destinations/s3/index.ts';
import { openBed } from '#test/archive/bed.ts';
import type { Place } from '#test/plugins/destinations/promises.ts';
import { secretRef } from '#test/plugins/destinations/ssh-places.ts';
import { needs } from '#test/support/needs.ts';
import { type Front, startFront } from '#test/support/s3/front.ts';
import { ACCESS_KEY, OBJECT, type S3Server, SECRET_KEY, startS3 } from '#test/support/s3/server.ts';

export interface S3Place extends Place {
  server: S3Server;
  config: JsonObject;
}

export interface FrontPlace extends S3Place {
  front: Front;
}

/** `s3rver` itself, over TLS. */
export async function openS3(context: Pick<TestContext, 'skip'>): Promise<S3Place> {
  needs(context, 'openssl');
  const server = await startS3();
  const bed = await openBed({ plugins: [s3], secrets: { key: SECRET_KEY, wrong: 'wrong' } });
  const config = {
    endpoint: `https://127.0.0.1:${server.port}`,
    bucket: server.bucket,
    access_key_id: ACCESS_KEY,
    secret_access_key: secretRef('key'),
    ca_file: server.certificates.ca,
  };
  bed.addDestination('nas', config, 's3');
  return {
    bed,
    server,
    config,
    root: join(server.directory, server.bucket),
    suffix: OBJECT,
    async [Symbol.asyncDispose]() {
      await bed[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The same through a front that checks signatures and checksums, and can fail. */
export async function openFront(context: Pick<TestContext, 'skip'>, more: JsonObject = {}): Promise<FrontPlace> {
  const place = await openS3(context);
  const front = await startFront(place.server);
  const config = { ...place.config, endpoint: `https://127.0.0.1:${front.port}`, ...more };
  place.bed.addDestination('nas', config, 's3');
  return {
    ...place,
    front,
    config,
    async [Symbol.asyncDispose]() {
      await front[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}
