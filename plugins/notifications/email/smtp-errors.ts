/** What a mail server said, as an outcome or as an error of ours. */
import { AutopilotError, type ErrorCode, errorText, systemCode } from '#kernel/errors.ts';
import type { Refusal } from '#sdk/kinds/notification.ts';

interface Sent {
  accepted?: unknown[] | undefined;
  rejected?: unknown[] | undefined;
  rejectedErrors?: { response?: string | undefined }[] | undefined;
}

/** A server may take the mail for some and refuse it for others; nodemailer calls that a success. */
export function accepted(sent: Sent): { delivered: boolean; detail: string } {
  const { accepted: taken = [], rejected = [], rejectedErrors = [] } = sent;
  if (rejected.length === 0) return { delivered: true, detail: `accepted for ${taken.map(addressOf).join(', ')}` };
  const refusals = rejected.map((one, i) => `${addressOf(one)} (${rejectedErrors[i]?.response ?? 'refused'})`);
  return {
    delivered: true,
    detail: `accepted for ${taken.map(addressOf).join(', ')}, but not for ${refusals.join(', ')}`,
  };
}

/** SMTP's own judgement: 5xx is for ever, 4xx for now. @returns undefined when it is no answer to the message itself. */
export function refusedBy(error: unknown): { delivered: false; detail: string; refused: Refusal } | undefined {
  const code = systemCode(error);
  const status = statusOf(error);
  if (status === undefined || (code !== 'EENVELOPE' && code !== 'EMESSAGE')) return undefined;
  // 530, 534, 538: not allowed without a login or TLS; no message of ours would get through.
  const locked = status === 530 || status === 534 || status === 538;
  const lasting: Refusal = locked ? 'channel' : 'message';
  return { delivered: false, detail: errorText(error), refused: status >= 500 ? lasting : 'busy' };
}

const CODES: Record<string, [ErrorCode, string]> = {
  EAUTH: ['HA_CONFIG_INVALID', 'check username and password'],
  ENOAUTH: ['HA_CONFIG_INVALID', 'check username and password'],
  ETLS: ['HA_CONFIG_INVALID', 'the server offers no TLS there; check port and tls'],
};

/** The reasons that openssl has no name for that people would understand. */
const CERTIFICATE = /certificate|self.signed|altnames|CERT_|UNABLE_TO_/i;

export function smtpError(error: unknown, server: string): AutopilotError {
  if (error instanceof AutopilotError) return error;
  const message = `${server}: ${errorText(error)}`;
  const [code, next] = CODES[systemCode(error) ?? ''] ?? ['HA_REMOTE_UNREACHABLE', undefined];
  if (next !== undefined) return new AutopilotError(code, message, { cause: error, next });
  const certificate = CERTIFICATE.test(errorText(error));
  return new AutopilotError(code, message, {
    cause: error,
    ...(certificate ? { next: 'name your own authority with ca_file, or use the host name of the certificate' } : {}),
  });
}

function statusOf(error: unknown): number | undefined {
  const status = error instanceof Error && 'responseCode' in error ? error.responseCode : undefined;
  return typeof status === 'number' ? status : undefined;
}

function addressOf(address: unknown): string {
  if (typeof address === 'string') return address;
  return address !== null && typeof address === 'object' && 'address' in address ? String(address.address) : '?';
}
