/** Images made of a few bytes, and how they get into a registry without an engine. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const MANIFEST_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';

export interface TestImage {
  /** Makes two images of the same name different from each other. */
  content?: string;
  created?: Date;
  /** `linux/amd64`; several make a multi-arch image. */
  platforms?: readonly string[];
  /** A tar of the root filesystem. Left out: an empty one. */
  layer?: Buffer;
  command?: readonly string[];
}

export interface Pushed {
  /** What the tag points to: the digest of the manifest, or of the list of manifests. */
  digest: string;
  /** By platform: the digest of its manifest, and the image's id in an engine. */
  manifests: Record<string, { digest: string; imageId: string }>;
}

/** One raw request to a registry. */
export type Call = (method: string, path: string, options?: CallOptions) => Promise<Called>;

export interface CallOptions {
  headers?: Record<string, string>;
  body?: Buffer | string;
}

export interface Called {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

export async function pushImage(call: Call, name: string, image: TestImage): Promise<Pushed> {
  const { repository, tag } = split(name);
  const { platforms = ['linux/amd64'] } = image;
  const layer = image.layer ?? Buffer.alloc(1024);
  const packed = gzipSync(layer);
  await putBlob(call, repository, packed);
  const manifests: Pushed['manifests'] = {};
  const listed = [];
  for (const platform of platforms) {
    const config = Buffer.from(JSON.stringify(configOf(image, platform, layer)));
    await putBlob(call, repository, config);
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: {
        mediaType: 'application/vnd.docker.container.image.v1+json',
        size: config.length,
        digest: digestOf(config),
      },
      layers: [
        {
          mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
          size: packed.length,
          digest: digestOf(packed),
        },
      ],
    });
    const digest = await putManifest(call, repository, {
      name: platforms.length === 1 ? tag : digestOf(manifest),
      type: MANIFEST,
      text: manifest,
    });
    manifests[platform] = { digest, imageId: digestOf(config) };
    const [os, architecture, variant] = platform.split('/');
    listed.push({
      mediaType: MANIFEST,
      size: manifest.length,
      digest,
      platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
    });
  }
  const [only] = Object.values(manifests);
  if (platforms.length === 1 && only !== undefined) return { digest: only.digest, manifests };
  const list = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_LIST, manifests: listed });
  return { digest: await putManifest(call, repository, { name: tag, type: MANIFEST_LIST, text: list }), manifests };
}

function configOf(
  { content = '', created = new Date(0), command = ['sh'] }: TestImage,
  platform: string,
  layer: Buffer,
) {
  const [os, architecture, variant] = platform.split('/');
  return {
    created: created.toISOString(),
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    config: { Cmd: command, Labels: { content } },
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    history: [{ created: created.toISOString(), created_by: 'test' }],
  };
}

export async function moveTag(
  call: Call,
  repository: string,
  { tag, to }: { tag: string; to: string },
): Promise<string> {
  const found = await call('GET', `/v2/${repository}/manifests/${to}`, {
    headers: { accept: `${MANIFEST}, ${MANIFEST_LIST}` },
  });
  expectStatus(found, 200, `${repository}:${to}`);
  return putManifest(call, repository, {
    name: tag,
    type: String(found.headers['content-type']),
    text: found.body.toString(),
  });
}

async function putBlob(call: Call, repository: string, blob: Buffer): Promise<void> {
  const digest = digestOf(blob);
  const begun = await call('POST', `/v2/${repository}/blobs/uploads/`);
  expectStatus(begun, 202, `an upload to ${repository}`);
  const place = new URL(String(begun.headers['location']), 'http://localhost');
  place.searchParams.set('digest', digest);
  const headers = { 'content-type': 'application/octet-stream', 'content-length': String(blob.length) };
  expectStatus(await call('PUT', `${place.pathname}${place.search}`, { headers, body: blob }), 201, digest);
}

async function putManifest(
  call: Call,
  repository: string,
  { name, type, text }: { name: string; type: string; text: string },
): Promise<string> {
  const headers = { 'content-type': type, 'content-length': String(Buffer.byteLength(text)) };
  const put = await call('PUT', `/v2/${repository}/manifests/${name}`, { headers, body: text });
  expectStatus(put, 201, `${repository}:${name}`);
  return String(put.headers['docker-content-digest']);
}

function expectStatus({ status, body }: Called, wanted: number, what: string): void {
  if (status !== wanted)
    throw new Error(`the registry answered ${status} for ${what}: ${body.toString().slice(0, 500)}`);
}

function digestOf(data: Buffer | string): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

function split(name: string): { repository: string; tag: string } {
  const colon = name.lastIndexOf(':');
  return colon === -1
    ? { repository: name, tag: 'latest' }
    : { repository: name.slice(0, colon), tag: name.slice(colon + 1) };
}
