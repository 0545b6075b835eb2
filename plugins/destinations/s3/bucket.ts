/** The bucket as a whole: whether it is there, can be written to, and what it keeps of what is removed. */
import { newId } from '#kernel/ids.ts';
import type { Session } from './connection.ts';
import { refusalOf } from './errors.ts';
import { keyOf } from './files.ts';
import type { S3Tools } from './index.ts';
import { putBytes } from './upload.ts';

export function placeOf({ config }: S3Tools): string {
  return `${[config.bucket, config.prefix].filter((word) => word !== '').join('/')} at ${new URL(config.endpoint).host}`;
}

/** It is never made: a mistyped bucket would be a new one. */
export async function requireBucket(session: Session): Promise<void> {
  const { tools, sdk, ask } = session;
  const input = { Bucket: tools.config.bucket, Prefix: keyOf(session, ''), MaxKeys: 1 };
  await ask('list its objects', (client, how) => client.send(new sdk.ListObjectsV2Command(input), how));
}

export async function tryToWrite(session: Session): Promise<void> {
  const { tools, sdk, ask } = session;
  const key = keyOf(session, `.autopilot-probe-${newId()}`);
  const input = { Bucket: tools.config.bucket, Key: key };
  await putBytes(session, key, Buffer.from('probe'));
  await ask(`remove ${key}`, (client, how) => client.send(new sdk.DeleteObjectCommand(input), how));
}

/** What a person should know who counts on retention: with either of them a removed set still takes its room. */
export async function whatStays(session: Session): Promise<string[]> {
  const { tools, sdk, ask } = session;
  const input = { Bucket: tools.config.bucket };
  const versions = await unlessNotTold(() =>
    ask('tell whether it keeps versions', (client, how) => client.send(new sdk.GetBucketVersioningCommand(input), how)),
  );
  if (versions?.Status !== 'Enabled') return [];
  const lock = await unlessNotTold(() =>
    ask('tell whether it locks objects', (client, how) =>
      client.send(new sdk.GetObjectLockConfigurationCommand(input), how),
    ),
  );
  const kept =
    'the bucket keeps old versions: removed sets take room until a lifecycle rule of the bucket removes them';
  const rule = lock?.ObjectLockConfiguration?.Rule?.DefaultRetention;
  if (rule === undefined) return [kept];
  const span = rule.Days === undefined ? `${rule.Years} years` : `${rule.Days} days`;
  return [kept, `its lock (${rule.Mode}) lets nobody remove a version before ${span} have passed`];
}

/** Many stores know neither, and many keys may not ask: then there is nothing to tell. */
async function unlessNotTold<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const { status } = refusalOf(error);
    if (status === undefined || (status >= 500 && status !== 501)) throw error;
    return undefined;
  }
}
