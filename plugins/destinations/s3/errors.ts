/** What a store answers when it says no, told by what it means for a copy. */
import { z } from 'zod';
import { AutopilotError, type ErrorCode, errorText, systemCode } from '#kernel/errors.ts';
import { OTHER_CERTIFICATE } from '#sdk/pinned-agent.ts';
import type { S3Tools } from './index.ts';

/** The library’s errors, as far as they are used here: the names are those of the S3 protocol. */
const Answer = z.object({
  name: z.string(),
  message: z.string(),
  Region: z.string().optional(),
  $metadata: z.object({ httpStatusCode: z.number().optional() }).optional(),
  $response: z.object({ headers: z.record(z.string(), z.string()) }).optional(),
});

interface Facts {
  name: string;
  text: string;
  /** Undefined when there was no answer. */
  status: number | undefined;
  /** Where the bucket is, when the store says that it is elsewhere. */
  region: string | undefined;
}

interface Meaning {
  when: (facts: Facts) => boolean;
  code: ErrorCode;
  told: (config: S3Tools['config'], facts: Facts) => string;
  next: (config: S3Tools['config'], facts: Facts) => string;
}

const MEANINGS: readonly Meaning[] = [
  {
    when: ({ name, text, status }) =>
      status === 507 || /storage.?full|quota|storage.?cap|insufficient.?storage|no space left/i.test(`${name} ${text}`),
    code: 'HA_NO_SPACE',
    told: ({ bucket }) => `there is no room left for ${bucket}`,
    next: () => 'free some room there, raise its quota, or keep fewer sets with backup.retention',
  },
  {
    when: ({ name }) => name === 'NoSuchBucket',
    code: 'HA_DESTINATION_UNUSABLE',
    told: ({ bucket }) => `there is no bucket ${bucket}`,
    next: () => 'correct bucket, or make it once at the store; from here none is made, a mistyped one would be new',
  },
  {
    when: ({ name }) => name === 'RequestTimeTooSkewed' || name === 'RequestExpired',
    code: 'HA_DESTINATION_UNUSABLE',
    told: () => 'the clock of this machine and that of the store are too far apart',
    next: () => 'set the clocks; see this one with  timedatectl',
  },
  {
    when: ({ name, status, region }) =>
      region !== undefined ||
      status === 301 ||
      status === 307 ||
      /^(AuthorizationHeaderMalformed|.*Redirect)$/.test(name),
    code: 'HA_CONFIG_INVALID',
    told: ({ bucket, region: written }, { region }) =>
      `${bucket} is not in the region ${written}${region === undefined ? '' : `, but in ${region}`}`,
    next: (_, { region }) => `write region: ${region ?? '(where it is)'} and the endpoint of that region`,
  },
  {
    when: ({ name }) =>
      /^(InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|ExpiredToken|Unauthorized)$/.test(name),
    code: 'HA_DESTINATION_UNUSABLE',
    told: ({ access_key_id: key }, { name }) =>
      name === 'SignatureDoesNotMatch' ? `the secret of the key ${key} is not right` : `the key ${key} is not known`,
    next: () => 'check access_key_id and secret_access_key, and that the key belongs to this endpoint and region',
  },
  {
    when: ({ name, text, status }) =>
      status !== undefined && status < 500 && /object.?lock|\bWORM\b|retention/i.test(`${name} ${text}`),
    code: 'HA_DESTINATION_UNUSABLE',
    told: ({ bucket }) => `a lock on objects of ${bucket} forbids it`,
    next: () => 'wait until the lock has run out, or give the bucket a shorter one',
  },
  {
    when: ({ status }) => status === 401 || status === 403,
    code: 'HA_DESTINATION_UNUSABLE',
    told: ({ access_key_id: key, bucket }) => `the key ${key} has no right to it in ${bucket}`,
    next: () =>
      'give it ListBucket and ListBucketMultipartUploads on the bucket, and GetObject, PutObject, DeleteObject and AbortMultipartUpload on what is in it',
  },
];

/** @param what completes "the store did not …". */
export function s3Error({ name, config }: S3Tools, what: string, error: unknown): AutopilotError {
  const { host } = new URL(config.endpoint);
  const facts = factsOf(error);
  if (facts.status === undefined) return notHeard({ name, host, what }, error);
  const found = MEANINGS.find(({ when }) => when(facts));
  if (found !== undefined) {
    const told = `${name}: ${host} did not ${what}: ${found.told(config, facts)} (${saidBy(facts)})`;
    return new AutopilotError(found.code, told, { cause: error, next: found.next(config, facts) });
  }
  if (facts.status >= 500 || isPassing(error)) {
    return new AutopilotError('HA_REMOTE_UNREACHABLE', `${name}: ${host} could not ${what}: ${saidBy(facts)}`, {
      cause: error,
      next: 'the store is busy or in trouble; what was under way is looked at when it is tried again',
    });
  }
  return new AutopilotError('HA_DESTINATION_UNUSABLE', `${name}: ${host} did not ${what}: ${saidBy(facts)}`, {
    cause: error,
    next: 'see whether the endpoint is that of an S3 store, and what its own log says',
  });
}

/** Whether the same request may do well in a moment. */
export function isPassing(error: unknown): boolean {
  const { name, status } = factsOf(error);
  // A connection that was lost; one that nobody took, or that fell silent, has cost its time already.
  if (status === undefined) return /^(ECONNRESET|EPIPE)$/.test(systemCode(error) ?? '');
  if (/^(SlowDown|RequestTimeout|BadDigest|XAmzContentSHA256Mismatch|IncompleteBody)$/.test(name)) return true;
  return status === 429 || status === 500 || status === 502 || status === 503 || status === 504;
}

/** The name that the store gave to its refusal. */
export function refusalOf(error: unknown): { name: string; status: number | undefined } {
  const { name, status } = factsOf(error instanceof AutopilotError ? error.cause : error);
  return { name, status };
}

function factsOf(error: unknown): Facts {
  const parsed = Answer.safeParse(error);
  if (!parsed.success) return { name: '', text: errorText(error), status: undefined, region: undefined };
  const { name, message, Region, $metadata, $response } = parsed.data;
  return {
    name,
    text: message,
    // An answer that is not one of S3 has no metadata, but it was an answer.
    status: $metadata?.httpStatusCode ?? ($response === undefined ? undefined : 400),
    region: Region ?? $response?.headers['x-amz-bucket-region'],
  };
}

function saidBy({ name, text, status }: Facts): string {
  const said = text.replace(/\s*Deserialization error:.*$/s, '').trim();
  return [...new Set([status, name, said].filter((word) => word !== '' && word !== 'UnknownError'))].join(' ');
}

interface Where {
  name: string;
  host: string;
  what: string;
}

function notHeard({ name, host, what }: Where, error: unknown): AutopilotError {
  const code = systemCode(error) ?? '';
  if (code === OTHER_CERTIFICATE) {
    const told = `${name}: ${host} is not the pinned store: ${errorText(error)}`;
    return new AutopilotError('HA_DESTINATION_UNUSABLE', told, {
      cause: error,
      next: 'nothing was sent there; only if you know why the certificate changed, correct fingerprint',
    });
  }
  if (/CERT|SELF_SIGNED|ISSUER|ALTNAME|UNABLE_TO_VERIFY/.test(code)) {
    const told = `${name}: the certificate of ${host} is not trusted: ${errorText(error)}`;
    return new AutopilotError('HA_DESTINATION_UNUSABLE', told, {
      cause: error,
      next: 'nothing was sent there; name the authority that signed it with ca_file, or its own fingerprint',
    });
  }
  const reason = error instanceof AggregateError ? error.errors.map(errorText).join('; ') : errorText(error);
  const told = `${name}: the connection to ${host} was lost: ${what}; whether that happened is not known: ${reason}`;
  return new AutopilotError('HA_REMOTE_UNREACHABLE', told, {
    cause: error,
    next: 'see whether the store is on, and its endpoint; what was under way is looked at when it is tried again',
  });
}
