/** A store that says no, or is not the one that is meant, is told of in words that say what to do. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { plugin as s3 } from '#plugins/destinations/s3/index.ts';
import { openBed } from '#test/archive/bed.ts';
import { openFront } from '#test/plugins/destinations/s3-places.ts';
import { secretRef } from '#test/plugins/destinations/ssh-places.ts';
import { makeSelfSigned } from '#test/support/certificates.ts';
import { startServer } from '#test/support/http.ts';
import { freePort } from '#test/support/redis.ts';
import { refusal } from '#test/support/s3/front.ts';
import { ACCESS_KEY, SECRET_KEY } from '#test/support/s3/server.ts';

test.for([
  [
    'SignatureDoesNotMatch',
    refusal(403, 'SignatureDoesNotMatch'),
    'HA_DESTINATION_UNUSABLE',
    /secret of the key .* is not right/,
    'check access_key_id',
  ],
  [
    'a right that is missing',
    refusal(403, 'AccessDenied'),
    'HA_DESTINATION_UNUSABLE',
    /has no right to it in backups/,
    'DeleteObject',
  ],
  [
    'a clock that is wrong',
    refusal(403, 'RequestTimeTooSkewed'),
    'HA_DESTINATION_UNUSABLE',
    /clock .* too far apart/,
    'timedatectl',
  ],
  [
    'another region, by redirect',
    {
      ...refusal(301, 'PermanentRedirect'),
      headers: { 'x-amz-bucket-region': 'eu-west-9', 'content-type': 'application/xml' },
    },
    'HA_CONFIG_INVALID',
    /not in the region us-east-1, but in eu-west-9/,
    'region: eu-west-9',
  ],
  [
    'another region, by its name',
    refusal(400, 'AuthorizationHeaderMalformed', '<Region>garage</Region>'),
    'HA_CONFIG_INVALID',
    /but in garage/,
    'region: garage',
  ],
  ['a full store', refusal(507, 'InsufficientStorage'), 'HA_NO_SPACE', /no room left for backups/, 'backup.retention'],
  ['a quota of MinIO', refusal(400, 'XMinioAdminBucketQuotaExceeded'), 'HA_NO_SPACE', /no room left/, 'quota'],
  [
    'a store that stays busy',
    refusal(503, 'SlowDown'),
    'HA_REMOTE_UNREACHABLE',
    /could not list its objects: 503 SlowDown/,
    'tried again',
  ],
  [
    'a page for people',
    { status: 200, body: '<html><p>It works<br></html>', headers: { 'content-type': 'text/html' } },
    'HA_DESTINATION_UNUSABLE',
    /did not list its objects/,
    'an S3 store',
  ],
] as const)('%s is told as what it is', async ([_what, said, code, message, next], context) => {
  await using place = await openFront(context);
  const { bed, front } = place;
  front.trouble = () => said;

  const refused = await bed.destination('nas', 'check', {}).catch((error: unknown) => error);

  expect(refused).toMatchObject({ code, message: expect.stringMatching(message), next: expect.stringContaining(next) });
});

test('a missing bucket, an unknown key, a wrong secret and a store that is off are told apart', async (context) => {
  await using place = await openFront(context);
  const { bed, config } = place;
  const refusalWith = async (more: JsonObject) => {
    bed.addDestination('nas', { ...config, ...more }, 's3');
    return await bed.destination('nas', 'check', {}).catch((error: unknown) => error);
  };

  expect(await refusalWith({ bucket: 'elsewhere' })).toMatchObject({
    code: 'HA_DESTINATION_UNUSABLE',
    message: expect.stringContaining('there is no bucket elsewhere'),
  });
  expect(await refusalWith({ access_key_id: 'STRANGER' })).toMatchObject({
    code: 'HA_DESTINATION_UNUSABLE',
    message: expect.stringContaining('the key STRANGER is not known'),
  });
  expect(await refusalWith({ secret_access_key: secretRef('wrong') })).toMatchObject({
    code: 'HA_DESTINATION_UNUSABLE',
    message: expect.stringContaining('is not right'),
  });
  expect(await refusalWith({ endpoint: `https://127.0.0.1:${await freePort()}` })).toMatchObject({
    code: 'HA_REMOTE_UNREACHABLE',
  });
});

test('a store is known by its authority or by its fingerprint, and another one gets nothing', async (context) => {
  await using place = await openFront(context);
  const { bed, config, front, server } = place;
  const stranger = await makeSelfSigned(bed.folder);
  const fingerprintOf = (file: string) =>
    execFileSync('openssl', ['x509', '-in', file, '-noout', '-fingerprint', '-sha256'], { encoding: 'utf8' })
      .trim()
      .replace(/^.*=/, '');
  const { ca_file: _, ...plain } = config;
  const attempt = async (trust: JsonObject) => {
    bed.addDestination('nas', { ...plain, ...trust }, 's3');
    return await bed.destination('nas', 'check', {}).catch((error: unknown) => error);
  };

  const distrusted = [await attempt({}), await attempt({ ca_file: stranger.ca })];
  const other = await attempt({ fingerprint: fingerprintOf(stranger.certificate) });
  const askedBefore = front.asked.length;
  const pinned = await attempt({ fingerprint: fingerprintOf(server.certificates.certificate) });

  for (const error of distrusted) {
    expect(error).toMatchObject({
      code: 'HA_DESTINATION_UNUSABLE',
      message: expect.stringContaining('is not trusted'),
    });
  }
  expect(other).toMatchObject({
    code: 'HA_DESTINATION_UNUSABLE',
    message: expect.stringMatching(/is not the pinned store: its certificate is [0-9A-F:]{95}, pinned is/),
  });
  expect(askedBefore).toBe(0);
  expect(pinned).toMatchObject({ detail: expect.stringContaining('backups at 127.0.0.1') });
});

test('a bucket that keeps versions, or locks its objects, is noticed', async (context) => {
  await using place = await openFront(context);
  const { bed, front } = place;
  const xml = { 'content-type': 'application/xml' };
  const versioning = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  const retention = '<DefaultRetention><Mode>COMPLIANCE</Mode><Days>30</Days></DefaultRetention>';
  const lock = `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>${retention}</Rule></ObjectLockConfiguration>`;
  const detail = async () => (await bed.destination('nas', 'check', {}))['detail'];

  const plain = await detail();
  front.trouble = ({ query }) =>
    query.has('versioning') ? { status: 200, body: versioning, headers: xml } : undefined;
  const kept = await detail();
  front.trouble = ({ query }) => {
    if (query.has('versioning')) return { status: 200, body: versioning, headers: xml };
    return query.has('object-lock') ? { status: 200, body: lock, headers: xml } : undefined;
  };
  const locked = await detail();
  front.trouble = ({ method }) =>
    method === 'DELETE' ? refusal(403, 'AccessDenied', '<Detail>object lock</Detail>') : undefined;

  expect(plain).not.toContain(';');
  expect(kept).toMatch(/keeps old versions: removed sets take room until a lifecycle rule/);
  expect(locked).toContain('its lock (COMPLIANCE) lets nobody remove a version before 30 days have passed');
  await expect(bed.destination('nas', 'check', {})).rejects.toMatchObject({ code: 'HA_DESTINATION_UNUSABLE' });
});

test('plain http is spoken to this machine, and into a private network when that is said', async () => {
  await using store = await startServer(() => refusal(404, 'NoSuchBucket'));
  await using bed = await openBed({ plugins: [s3], secrets: { key: SECRET_KEY } });
  const attempt = async (more: JsonObject) => {
    const config = { bucket: 'backups', access_key_id: ACCESS_KEY, secret_access_key: secretRef('key'), ...more };
    bed.addDestination('nas', config, 's3');
    return await bed.destination('nas', 'check', {}).catch((error: unknown) => error);
  };

  expect(await attempt({ endpoint: store.url })).toMatchObject({ message: expect.stringContaining('no bucket') });
  for (const more of [{ endpoint: 'http://192.168.0.1:9000' }, { endpoint: 'http://8.8.8.8', allow_private: true }]) {
    expect(await attempt(more)).toMatchObject({
      code: 'HA_CONFIG_INVALID',
      message: expect.stringContaining('is not reached by https'),
    });
  }
});

test.each([
  { endpoint: 'https://user:password@minio.lan' },
  { endpoint: 'https://minio.lan/backups' },
  { endpoint: 'ftp://minio.lan' },
  { bucket: '../etc' },
  { bucket: 'UPPER' },
  { prefix: '/backups' },
  { prefix: 'a/../b' },
  { access_key_id: 'two words' },
  { ca_file: '/ca.pem', fingerprint: Array.from({ length: 32 }, () => 'AA').join(':') },
])('%j is refused by its form', async (more) => {
  await using bed = await openBed({ plugins: [s3], secrets: { key: SECRET_KEY } });
  const right = { endpoint: 'https://127.0.0.1:1', bucket: 'backups', access_key_id: ACCESS_KEY };
  bed.addDestination('nas', { ...right, secret_access_key: secretRef('key'), ...more }, 's3');

  await expect(bed.destination('nas', 'check', {})).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
});
