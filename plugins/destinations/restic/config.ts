/** What a user says of a repository: where it is, its password, and how to log in there. */
import { z } from 'zod';
import { hasCredentials } from '#sdk/address.ts';
import { Duration } from '#sdk/duration.ts';
import { Rate } from '#sdk/rate.ts';
import { secret } from '#sdk/secret.ts';
import { HostKeyText } from '#sdk/ssh/host-key.ts';

const FORMS = {
  local: /^\/./,
  sftp: /^sftp:(?<username>[A-Za-z_][A-Za-z0-9_.-]{0,63})@(?<host>[A-Za-z0-9][A-Za-z0-9.-]{0,252}):./,
  rest: /^rest:(?<url>https?:\/\/.+)$/,
  s3: /^s3:(?<url>https?:\/\/[^/]+\/.+)$/,
  // As the remote of an rclone destination: it begins with a name, so it is no option.
  rclone: /^rclone:[\w.][\w.+@ -]*:./,
} as const;
export type Backend = keyof typeof FORMS;

/** What else belongs to a backend: all of `needs`, and of `pairs` both or none. */
const LOGINS: Readonly<Record<string, { of: Backend; needed: boolean }>> = {
  rest_user: { of: 'rest', needed: false },
  rest_password: { of: 'rest', needed: false },
  host_key: { of: 'sftp', needed: true },
  private_key: { of: 'sftp', needed: true },
  access_key_id: { of: 's3', needed: true },
  secret_access_key: { of: 's3', needed: true },
  region: { of: 's3', needed: false },
  rclone_config: { of: 'rclone', needed: false },
};

const Fields = z.object({
  repository: z
    .string()
    .refine(isRepository, 'is /PATH, sftp:USER@HOST:/PATH, rest:https://…, s3:https://… or rclone:REMOTE:PATH')
    .describe(
      'As restic writes it: /srv/restic, sftp:backup@nas:/srv/restic, rest:https://nas:8000/home, ' +
        's3:https://s3.amazonaws.com/bucket/home, rclone:b2:bucket/home. It must exist; it is never made',
    ),
  password: secret().describe('Of the repository; without it nobody can read what is there, you included'),
  rest_user: z
    .string()
    .regex(/^[^\s:@/]{1,100}$/, 'is the name of a user')
    .optional()
    .describe('rest: who logs in'),
  rest_password: secret().optional().describe('rest: with which password'),
  host_key: HostKeyText.optional().describe(
    'sftp: public key of the server, as ssh-keyscan prints it; nothing is sent to a server with another one',
  ),
  private_key: secret().optional().describe('sftp: key to log in with, in OpenSSH form and without a passphrase'),
  port: z.int().min(1).max(65_535).default(22).describe('sftp: SSH port of the server'),
  access_key_id: z
    .string()
    .regex(/^[^\s/,]{3,128}$/, 'is not the name of a key')
    .optional()
    .describe('s3: name of the key'),
  secret_access_key: secret().optional().describe('s3: the key itself'),
  region: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'is the name of a region')
    .optional()
    .describe('s3: region that requests are signed for. Default: what the store tells'),
  rclone_config: z
    .string()
    .startsWith('/')
    .optional()
    .describe('rclone: its configuration. Default: the one of the user that the worker runs as')
    .meta({ path: true }),
  ca_file: z
    .string()
    .startsWith('/')
    .optional()
    .describe('Authority that signed the certificate of a server (PEM). Default: those of the system')
    .meta({ path: true }),
  allow_private: z
    .boolean()
    .default(false)
    .describe('Whether a login may go to a private network by plain http, where others can read along'),
  on_remove: z
    .enum(['prune', 'forget', 'hide'])
    .default('prune')
    .describe(
      'What becomes of a set that is removed. prune: its room is freed; forget: you run restic prune; ' +
        'hide: it is only not listed any more, for servers that let nothing be removed',
    ),
  bandwidth_limit: Rate.optional().describe('How much may go over the line in a second, such as 4M. Default: no limit'),
  patience: Duration.default('10m').describe('How long to wait while somebody else has the repository for himself'),
});

export const Config = Fields.check(({ value, issues }) => {
  const backend = backendOf(value.repository);
  for (const [key, { of, needed }] of Object.entries(LOGINS)) {
    const given = (value as Record<string, unknown>)[key] !== undefined;
    const complain = (message: string) => issues.push({ code: 'custom', input: value, path: [key], message });
    if (given && backend !== of) complain(`belongs to a repository of the form ${of}:…`);
    if (!given && needed && backend === of) complain(`is needed for a repository of the form ${of}:…`);
  }
  if ((value.rest_user === undefined) !== (value.rest_password === undefined)) {
    const message = 'write both rest_user and rest_password, or neither';
    issues.push({ code: 'custom', input: value, path: ['rest_user'], message });
  }
});

export function backendOf(repository: string): Backend | undefined {
  return Object.entries(FORMS).find(([, form]) => form.test(repository))?.[0] as Backend | undefined;
}

/** The named parts of a repository of this form. */
export function partsOf(backend: Backend, repository: string): Record<string, string> {
  return FORMS[backend].exec(repository)?.groups ?? {};
}

function isRepository(text: string): boolean {
  const backend = backendOf(text);
  // It goes to restic as a line of a file.
  if (backend === undefined || /[\0\n\r]/.test(text)) return false;
  const { url } = partsOf(backend, text);
  return url === undefined || (URL.canParse(url) && !hasCredentials(url));
}
