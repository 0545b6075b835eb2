/** A bucket gets whole sets, whatever happens to the line, and nothing is left there that costs room unseen. */
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { writeTree } from '#test/archive/bed.ts';
import { filesBelow, keepsPromises, SET, stageSet } from '#test/plugins/destinations/promises.ts';
import { openFront, openS3 } from '#test/plugins/destinations/s3-places.ts';
import { needs } from '#test/support/needs.ts';
import { refusal } from '#test/support/s3/front.ts';
import { ACCESS_KEY, OBJECT, SECRET_KEY } from '#test/support/s3/server.ts';
import { eventually } from '#test/support/wait.ts';

const AT = { ...SET, destination: 'nas' };

const isPart = ({ method, query }: { method: string; query: URLSearchParams }) =>
  method === 'PUT' && query.has('partNumber');

describe('s3rver', () => {
  keepsPromises(openS3);
});

test('every request is signed with the configured key, and all that is sent goes with its SHA-256', async (context) => {
  await using place = await openFront(context, { prefix: 'homelab/backups' });
  const { bed, front, root } = place;
  const { directory } = await stageSet(bed, 'set-one', 20 << 20);

  await bed.destination('nas', 'store', { ...SET, directory });

  expect(await bed.archive('verifyCopy', AT)).toMatchObject({ how: 'read back' });
  expect(await filesBelow(join(root, 'homelab/backups'), OBJECT)).toHaveLength(5);
  const sent = front.asked.filter(({ method }) => method === 'PUT');
  expect(sent.filter(isPart)).toHaveLength(3);
  // The front has compared them with what came, and the signature with what it computes itself.
  for (const { headers } of sent) expect(headers['x-amz-content-sha256']).toMatch(/^[0-9a-f]{64}$/);
  expect(front.openUploads()).toEqual([]);
});

describe('with settings of AWS around', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test('keys, regions and endpoints of the environment and of files are not looked at', async (context) => {
    await using place = await openFront(context);
    const { bed, front } = place;
    const file = join(bed.folder, 'aws');
    const profile =
      'region = mars-1\naws_access_key_id = FILE\naws_secret_access_key = FILE\nendpoint_url = http://[::1]:1\n';
    await writeFile(file, `[default]\n${profile}max_attempts = 9\n`);
    vi.stubEnv('AWS_CONFIG_FILE', file);
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'ENVIRONMENT');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'ENVIRONMENT');
    vi.stubEnv('AWS_SESSION_TOKEN', 'ENVIRONMENT');
    vi.stubEnv('AWS_REGION', 'mars-2');
    vi.stubEnv('AWS_ENDPOINT_URL_S3', 'http://[::1]:1');
    vi.stubEnv('AWS_REQUEST_CHECKSUM_CALCULATION', 'WHEN_SUPPORTED');
    vi.stubEnv('AWS_SDK_UA_APP_ID', 'told');

    await bed.destination('nas', 'check', {});

    const told = JSON.stringify(front.asked);
    expect(front.asked.length).toBeGreaterThan(2);
    expect(told).not.toMatch(/ENVIRONMENT|FILE|mars|told|security-token|crc32/i);
    // Neither what runs here nor on which system.
    for (const { headers } of front.asked) expect(headers['user-agent']).toMatch(/^homelab-autopilot\/1( m\/\S+)?$/);
  });
});

test('a line that is cut for a moment costs one part, not the file', async (context) => {
  await using place = await openFront(context);
  const { bed, front } = place;
  const { directory } = await stageSet(bed, 'set-one', 10 << 20);
  let cut = 0;
  front.trouble = (asked) =>
    isPart(asked) && asked.query.get('partNumber') === '2' && cut++ === 0 ? 'cut' : undefined;

  await bed.destination('nas', 'store', { ...SET, directory });

  const sent = front.asked.filter(isPart).map(({ query }) => Number(query.get('partNumber')));
  expect(sent.toSorted((a, b) => a - b)).toEqual([1, 2, 2]);
  expect(await bed.archive('verifyCopy', AT)).toMatchObject({ how: 'read back' });
});

test('a copy that is cut off leaves neither a set nor parts, and the next attempt brings it whole', async (context) => {
  await using place = await openFront(context);
  const { bed, front, root } = place;
  const { directory } = await stageSet(bed, 'set-one', 10 << 20);
  front.trouble = (asked) => (isPart(asked) && asked.query.get('partNumber') === '2' ? 'cut' : undefined);

  const attempt = bed.destination('nas', 'store', { ...SET, directory });

  await expect(attempt).rejects.toMatchObject({ code: 'HA_REMOTE_UNREACHABLE' });
  await expect(attempt).rejects.toThrow('whether that happened is not known');
  expect(front.openUploads()).toEqual([]);
  expect(await bed.destination('nas', 'list', {})).toEqual({ sets: [], unreadable: [] });
  front.trouble = () => undefined;
  await bed.destination('nas', 'store', { ...SET, directory });
  expect(await bed.archive('verifyCopy', AT)).toMatchObject({ how: 'read back' });
  expect(await filesBelow(root, OBJECT)).toHaveLength(5);
});

test('parts that a killed worker left are removed by the next copy of the set, and by its removal', async (context) => {
  await using place = await openFront(context);
  const { bed, front, root } = place;
  const leave = async (id: string, key: string) => {
    const upload = join(root, '._S3rver_uploads', id);
    await mkdir(upload, { recursive: true });
    for (const [name, text] of [
      ['key', key],
      ['metadata', '{}'],
      ['1', 'a part'],
    ] as const) {
      await writeFile(join(upload, name), text);
    }
  };
  const { directory } = await stageSet(bed, 'set-one', 10 << 20);
  await leave('a1', 'notes/set-one/data.tar.zst');
  await leave('b1', 'notes/set-one/photo.jpg');
  await leave('c1', 'notes/set-two/data.tar.zst');

  await bed.destination('nas', 'store', { ...SET, directory });
  const afterCopy = front.openUploads().map(({ id }) => id);
  await bed.destination('nas', 'remove', { service: 'notes', set: 'set-two' });

  expect(afterCopy.toSorted()).toEqual(['b1', 'c1']);
  expect(front.openUploads().map(({ key }) => key)).toEqual(['notes/set-one/photo.jpg']);
});

test('a copy that is cancelled ends at once, and leaves no parts', async (context) => {
  await using place = await openFront(context, { bandwidth_limit: '1M' });
  const { bed, front } = place;
  const { directory } = await stageSet(bed, 'set-one', 10 << 20);
  const cancel = new AbortController();

  const attempt = bed.destination('nas', 'store', { ...SET, directory }, cancel.signal);
  await eventually('a part is under way', () => front.asked.some(isPart));
  const cancelled = performance.now();
  cancel.abort(new Error('cancelled by the test'));

  await expect(attempt).rejects.toMatchObject({ code: 'HA_CANCELLED' });
  expect(performance.now() - cancelled).toBeLessThan(2000);
  expect(front.openUploads()).toEqual([]);
});

test('a bandwidth limit is kept', async (context) => {
  await using place = await openFront(context, { bandwidth_limit: '8M' });
  const { bed } = place;
  const { directory } = await stageSet(bed, 'set-one', 10 << 20);

  const started = performance.now();
  await bed.destination('nas', 'store', { ...SET, directory });

  expect(performance.now() - started).toBeGreaterThan(1200);
});

test('a store that is busy for a moment is asked again', async (context) => {
  await using place = await openFront(context);
  const { bed, front } = place;
  let refused = 0;
  front.trouble = () => (refused++ < 3 ? refusal(503, 'SlowDown') : undefined);

  await bed.destination('nas', 'check', {});

  expect(refused).toBeGreaterThan(3);
});

test('a store that falls silent is waited for as long as it is said, and no longer', async (context) => {
  await using place = await openFront(context, { timeout: '1s' });
  const { bed, front } = place;
  const { directory } = await stageSet(bed, 'set-one', 10 << 20);
  front.trouble = (asked) => (isPart(asked) ? 'silence' : undefined);

  const started = performance.now();
  const attempt = bed.destination('nas', 'store', { ...SET, directory });

  await expect(attempt).rejects.toMatchObject({ code: 'HA_REMOTE_UNREACHABLE' });
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(front.openUploads()).toEqual([]);
});

test('a bucket with more objects than one answer holds is listed whole', async (context) => {
  await using place = await openS3(context);
  const { bed, root } = place;
  const photos = Array.from({ length: 1100 }, (_, i) => [`notes/holiday/photo-${i}.jpg${OBJECT}`, 'mine'] as const);
  await writeTree(root, Object.fromEntries(photos));
  const { directory } = await stageSet(bed);

  await bed.destination('nas', 'store', { ...SET, directory });

  expect(await bed.destination('nas', 'list', {})).toMatchObject({ sets: [{ id: 'set-one' }], unreadable: [] });
});

test('another client finds the same files in the bucket, and writes what is taken for a set', async (context) => {
  needs(context, 'rclone');
  await using place = await openS3(context);
  const { bed, server } = place;
  const { directory } = await stageSet(bed, 'set-one', 10 << 20);
  const settings = `[store]\ntype = s3\nprovider = Other\nendpoint = https://127.0.0.1:${server.port}\naccess_key_id = ${ACCESS_KEY}\nsecret_access_key = ${SECRET_KEY}\n`;
  const file = join(bed.folder, 'rclone.conf');
  await writeFile(file, settings);
  // It is told of the authority like this: with a flag its S3 client does not start.
  const env = { PATH: process.env['PATH'], HOME: bed.folder, SSL_CERT_FILE: server.certificates.ca };
  const rclone = (...words: string[]) => execFileSync('rclone', [`--config=${file}`, ...words], { env });
  const copied = join(bed.folder, 'copied');

  await bed.destination('nas', 'store', { ...SET, directory });
  rclone('copy', 'store:backups/notes/set-one', copied);
  await bed.destination('nas', 'remove', SET);
  rclone('copy', copied, 'store:backups/notes/set-one');

  expect(await readFile(join(copied, 'data.tar.zst'))).toEqual(await readFile(join(directory, 'data.tar.zst')));
  expect((await bed.destination('nas', 'list', {}))['sets']).toMatchObject([{ id: 'set-one' }]);
  expect(await bed.archive('verifyCopy', AT)).toMatchObject({ how: 'read back' });
});
