/** Encryption of a connection, and what is wrong with a certificate in words that say what to do. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';

export interface Trust {
  /** A PEM file with the authority that signed the server's certificate. */
  ca?: string | undefined;
  /** Take any certificate. */
  insecure: boolean;
}

export interface Encrypted {
  socket: TLSSocket;
  /** When the certificate ends. */
  expires: Date | undefined;
}

/** @throws HA_CHECK_FAILED with what is wrong with the certificate. Nothing is sent to a server that is not trusted. */
export async function encrypt(
  plain: Socket,
  { host, trust, signal }: { host: string; trust: Trust; signal: AbortSignal },
): Promise<Encrypted> {
  const ca = trust.ca === undefined ? undefined : await authority(trust.ca);
  // A name goes into the greeting, so that a server with many names shows the right certificate; an address never does.
  const named: ConnectionOptions = isIP(host) === 0 ? { servername: host } : {};
  // Asked without the refusal that comes by itself, because that one does not show the certificate.
  const socket = connect({
    socket: plain,
    host,
    ...named,
    rejectUnauthorized: false,
    ...(ca === undefined ? {} : { ca }),
  });
  try {
    await once(socket, 'secureConnect', { signal });
  } catch (cause) {
    socket.on('error', () => undefined);
    socket.destroy();
    signal.throwIfAborted();
    throw new AutopilotError('HA_CHECK_FAILED', `no encryption: ${handshakeError(cause)}`, { cause });
  }
  const certificate = socket.getPeerCertificate();
  const expires = dateOf(certificate.valid_to);
  if (socket.authorized || trust.insecure) return { socket, expires };
  socket.destroy();
  // Declared as an error, but it is the error's code.
  const code = String(socket.authorizationError);
  throw new AutopilotError('HA_CHECK_FAILED', `the certificate is not accepted: ${problem(code, certificate, host)}`);
}

async function authority(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const message = `cannot read the authority in ${file} (${systemCode(cause) ?? errorText(cause)})`;
    throw new AutopilotError('HA_CHECK_FAILED', message, { cause });
  }
}

function handshakeError(error: unknown): string {
  const code = systemCode(error);
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') {
    return 'the server does not speak TLS on this port; is it http:// that is meant?';
  }
  if (code === 'ECONNRESET') return 'the server cut the connection while it was being encrypted';
  return errorText(error);
}

/** @see https://docs.openssl.org/master/man1/openssl-verification-options/ */
function problem(code: string, certificate: PeerCertificate, host: string): string {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return `it has expired, on ${certificate.valid_to}`;
    case 'CERT_NOT_YET_VALID':
      return `it is valid from ${certificate.valid_from} on; is the clock of this machine right?`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `it is not for ${host}, but for ${namesIn(certificate)}`;
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return 'it is signed by itself; name it as `ca` to trust it';
    case 'SELF_SIGNED_CERT_IN_CHAIN':
      return `it is signed by an authority that this machine does not know (${issuerOf(certificate)}); name that as \`ca\``;
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return (
        `its signer ${issuerOf(certificate)} is not known here; ` +
        'either the server leaves out a certificate of its chain, or the authority has to be named as `ca`'
      );
    default:
      return code;
  }
}

function namesIn({ subjectaltname, subject }: PeerCertificate): string {
  const names = (subjectaltname ?? '').split(', ').filter((name) => name !== '');
  if (names.length === 0) return textOf(subject.CN) ?? 'nobody';
  return names.map((name) => name.replace(/^(?:DNS|IP Address):/, '')).join(', ');
}

function issuerOf({ issuer }: PeerCertificate): string {
  return textOf(issuer.CN) ?? textOf(issuer.O) ?? 'without a name';
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function dateOf(text: string): Date | undefined {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
