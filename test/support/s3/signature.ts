/** Computes the signature of a request to S3 as a server does: AWS Signature Version 4, from its description. */
import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface SignedRequest {
  method: string;
  /** As it stands in the request, with its query. */
  url: string;
  headers: IncomingHttpHeaders;
}

const AUTHORIZATION = /^AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/;

/** Why a store would refuse the request, in the words of the protocol; undefined when it is signed as it should be. */
export function faultOf(request: SignedRequest, keys: { accessKey: string; secretKey: string }): string | undefined {
  const [, credential = '', signedHeaders = '', signature = ''] =
    AUTHORIZATION.exec(request.headers.authorization ?? '') ?? [];
  const [accessKey, date = '', region = '', service = ''] = credential.split('/');
  if (accessKey !== keys.accessKey) return 'InvalidAccessKeyId';
  const scope = `${date}/${region}/${service}/aws4_request`;
  const canonical = canonicalRequest(request, signedHeaders);
  const text = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const key = [date, region, service, 'aws4_request'].reduce<Buffer | string>(hmac, `AWS4${keys.secretKey}`);
  return hmac(key, text).toString('hex') === signature ? undefined : 'SignatureDoesNotMatch';
}

export function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** The path is signed as it was sent; S3, unlike others, encodes it once. */
function canonicalRequest({ method, url, headers }: SignedRequest, signedHeaders: string): string {
  const [path = '', query = ''] = url.split('?');
  const pairs = query === '' ? [] : query.split('&').map((pair) => (pair.includes('=') ? pair : `${pair}=`));
  const lines = signedHeaders.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`);
  const sum = headers['x-amz-content-sha256'];
  return [method, path, pairs.toSorted().join('&'), lines.join(''), signedHeaders, sum].join('\n');
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
