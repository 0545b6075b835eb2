/** What went wrong with an SSH server, told by what it means for a copy. */
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';
import { fingerprint, pinnedKey } from '#sdk/ssh/host-key.ts';
import type { SftpTools } from './index.ts';

/** Status codes of the protocol (draft-ietf-secsh-filexfer-02, section 7). */
export const STATUS = { noSuchFile: 2, permissionDenied: 3, failure: 4, unsupported: 8 } as const;

/** @param shown the key that the server showed, when it is not the pinned one. */
export function connectError(tools: SftpTools, error: unknown, shown: Buffer | undefined): AutopilotError {
  const { host, port, username } = tools.config;
  const server = `${host}:${port}`;
  if (shown !== undefined) {
    const pinned = pinnedKey(tools, tools.config.host_key);
    const keys = `it showed ${fingerprint(shown)}, pinned is ${fingerprint(pinned.blob)}`;
    return new AutopilotError('HA_DESTINATION_UNUSABLE', `${tools.name}: ${server} is not the pinned server: ${keys}`, {
      next: 'nothing was sent there; only if you know why the key changed, correct host_key',
    });
  }
  const text = errorText(error);
  if (/no matching host key/i.test(text)) {
    return new AutopilotError('HA_DESTINATION_UNUSABLE', `${tools.name}: ${server} has no key of the pinned type`, {
      cause: error,
      next: `see what it has with  ssh-keyscan -p ${port} ${host}`,
    });
  }
  if (levelOf(error) === 'client-authentication') {
    return new AutopilotError('HA_DESTINATION_UNUSABLE', `${tools.name}: ${server} does not let ${username} in`, {
      cause: error,
      next: 'check the user, and its key or password',
    });
  }
  if (/parse privateKey|passphrase|Encrypted private/i.test(text)) {
    return new AutopilotError('HA_CONFIG_INVALID', `${tools.name}: the private key cannot be used`, {
      cause: error,
      next: 'check the file of the key, and its passphrase',
    });
  }
  return new AutopilotError('HA_REMOTE_UNREACHABLE', `${tools.name}: ${server} cannot be reached: ${text}`, {
    cause: error,
    next: 'see whether the server is on, and its SSH port',
  });
}

export function operationError(tools: SftpTools, what: string, error: unknown): AutopilotError {
  const status = statusOf(error);
  if (status === undefined && !isUnsupported(error)) return lost(tools, what, error);
  if (status === STATUS.permissionDenied) {
    return new AutopilotError('HA_DESTINATION_UNUSABLE', `${tools.name}: ${what}: permission denied`, {
      cause: error,
      next: `give ${tools.config.username} the right to it on ${tools.config.host}`,
    });
  }
  return new AutopilotError('HA_COMMAND_FAILED', `${tools.name}: ${what}: ${errorText(error)}`, { cause: error });
}

/** Whoever tries again looks first what is there. */
export function lost({ name, config }: SftpTools, what: string, cause?: unknown): AutopilotError {
  const where = `${name}: the connection to ${config.host}:${config.port} was lost`;
  return new AutopilotError('HA_REMOTE_UNREACHABLE', `${where}: ${what}; whether that happened is not known`, {
    cause,
    next: 'see whether the server is on; the copy goes on where it was when it is tried again',
  });
}

/** The status with which the server answered, if an error came from it. */
export function statusOf(error: unknown): number | undefined {
  const root = error instanceof AutopilotError ? error.cause : error;
  if (systemCode(root) !== undefined || !(root instanceof Error) || !('code' in root)) return undefined;
  return typeof root.code === 'number' ? root.code : undefined;
}

/** Whether the server, or the library on its behalf, says that it does not know the request. Nothing was done then. */
export function isUnsupported(error: unknown): boolean {
  const root = error instanceof AutopilotError ? error.cause : error;
  return statusOf(root) === STATUS.unsupported || /does not support this extended request/.test(errorText(root));
}

function levelOf(error: unknown): string | undefined {
  return error instanceof Error && 'level' in error && typeof error.level === 'string' ? error.level : undefined;
}
