/** What restic says when it fails, told by what it means for a copy. Debian’s version has one exit status for all. */
import { AutopilotError, type ErrorCode } from '#kernel/errors.ts';
import type { ResticTools } from './index.ts';

const LOCKED_NEXT =
  'wait until who works on it is done, or give it more patience; if nobody does:  restic -r REPOSITORY unlock';

/** In this order: a server that refuses, or does not answer, is also one whose repository cannot be opened. */
const MEANINGS: readonly (readonly [RegExp, ErrorCode, string])[] = [
  [/already locked/i, 'HA_REMOTE_UNREACHABLE', LOCKED_NEXT],
  [
    /wrong password or no key found/i,
    'HA_DESTINATION_UNUSABLE',
    'give the password with which the repository was made, as password_file',
  ],
  [
    /no space left|disk quota|quota ?exceeded|insufficient ?storage|\b507\b/i,
    'HA_NO_SPACE',
    'free some room there, or keep fewer sets with backup.retention',
  ],
  [
    /not removed, server response: 403/i,
    'HA_DESTINATION_UNUSABLE',
    'if the server is meant to let nothing be removed, say on_remove: hide',
  ],
  [/didn't find section in config file/i, 'HA_CONFIG_INVALID', 'see the remotes with  rclone listremotes'],
  [
    /host key verification failed/i,
    'HA_DESTINATION_UNUSABLE',
    'nothing was sent there; only if you know why the key changed, correct host_key',
  ],
  [
    /x509|certificate/i,
    'HA_DESTINATION_UNUSABLE',
    'nothing was sent there; name the authority that signed it with ca_file',
  ],
  [
    /permission denied|read-only file system|access ?denied|\b40[13]\b|unauthorized|forbidden|signature|InvalidAccessKeyId/i,
    'HA_DESTINATION_UNUSABLE',
    'correct the login, or give it the right to read and to write there',
  ],
  [
    /connection (refused|reset|timed out|closed)|no such host|i\/o timeout|unreachable|no route to host|broken pipe|unexpected eof|connect to host|\b50[0-46-9]\b/i,
    'HA_REMOTE_UNREACHABLE',
    'see whether the server is on; what was under way is looked at when it is tried again',
  ],
  [
    /is there a repository at|unable to open config file|repository does not exist|bucket does not exist/i,
    'HA_DESTINATION_UNUSABLE',
    'correct repository, mount its disk, or make it once:  restic -r REPOSITORY init',
  ],
  [
    /ciphertext verification failed|invalid data returned|unexpected hash|does not match id|not found in repository|(ReadFull|Load)\(<\w+\/\w+>\)?.*(EOF|no such file|does not exist)|<\w+\/\w+> does not exist/i,
    'HA_SET_CORRUPT',
    'see what is damaged with  restic -r REPOSITORY check --read-data',
  ],
];

const MISSING = /path \S+ not found in snapshot|no matching id found/i;

export function resticError(tools: ResticTools, error: unknown, said: readonly string[]): unknown {
  if (!(error instanceof AutopilotError) || error.code !== 'HA_COMMAND_FAILED') return error;
  const told = `${tools.name}: ${tools.config.repository}: ${reasonIn(said) ?? error.message}`;
  const text = said.join('\n');
  if (MISSING.test(text)) return new AutopilotError('HA_NOT_FOUND', told, { cause: error });
  const found = MEANINGS.find(([pattern]) => pattern.test(text));
  if (found !== undefined) return new AutopilotError(found[1], told, { cause: error, next: found[2] });
  return new AutopilotError('HA_REMOTE_UNREACHABLE', `${told}; whether the last change happened is not known`, {
    cause: error,
    next: 'what was under way is looked at when it is tried again',
  });
}

/** What a helper of restic says is more than that it ended. Newer versions than Debian’s tell their reason as JSON. */
function reasonIn(said: readonly string[]): string | undefined {
  const lines = said.filter((line) => line.trim() !== '' && !/, retrying after |^\t/.test(line));
  const helper = lines.findLast((one) => HELPER.test(one));
  const line = helper ?? lines.find((one) => one.startsWith('Fatal: ')) ?? lines[0];
  return line
    ?.replace(HELPER, '')
    .replace(/^\{.*"message":"([^"]*)".*\}$/, '$1')
    .replace(/^Fatal: /, '')
    .trim();
}

/** A line that restic has passed on. A notice is no reason. */
const HELPER = /^(subprocess ssh|rclone): (\d{4}\/\d\d\/\d\d [\d:]+ (?!NOTICE))?(?!\d{4}\/)/;

/** Whether what connects it has ended, and the reason is missing. */
export function isHelperSilent(said: readonly string[]): boolean {
  const isCut = said.some((line) => /error talking HTTP to rclone|unable to start the sftp session/.test(line));
  return isCut && !said.some((line) => HELPER.test(line));
}

export function isAboutLock(error: unknown): error is AutopilotError {
  return error instanceof AutopilotError && error.next === LOCKED_NEXT;
}

export function isUnusable(error: unknown): error is AutopilotError {
  return error instanceof AutopilotError && error.code === 'HA_DESTINATION_UNUSABLE';
}
