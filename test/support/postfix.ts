/** A real mail server for one test file: postfix with a directory of its own, on loopback, delivering into a Maildir. */
import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { makeCertificates } from '#test/support/certificates.ts';
import { freePort } from '#test/support/redis.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

const run = promisify(execFile);

export interface TestPostfix extends AsyncDisposable {
  port: number;
  /** The authority that signed its certificate. */
  ca: string;
  /** The mails that were delivered to a user of `autopilot-test.test`, oldest first. */
  mails(user?: string): Promise<string[]>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

const DOMAIN = 'autopilot-test.test';
/** Mails are delivered as this user: postfix delivers to nobody as root. */
const MAIL_UID = 65_534;

/** Needs root, `postfix` and `openssl`. It takes mail over STARTTLS alone, for `admin@` and `second@` of the domain. */
export async function startPostfix(): Promise<TestPostfix> {
  const dir = await tempDir();
  const at = (name: string) => join(dir.path, name);
  const port = await freePort();
  // Its programs give up root, and must still come by.
  for (const path of [dirname(dir.path), dir.path]) await chmod(path, (await stat(path)).mode | 0o011);
  for (const name of ['conf', 'queue', 'data', 'maildir']) await mkdir(at(name));
  await chown(at('data'), await uidOf('postfix'), -1);
  await chown(at('maildir'), MAIL_UID, MAIL_UID);
  const certificates = await makeCertificates(dir.path);
  await writeFile(at('conf/main.cf'), settings(dir.path, certificates));
  await writeFile(at('conf/master.cf'), services(port));
  const postfix = (...words: string[]) => run('postfix', ['-c', at('conf'), ...words]);
  const start = async () => {
    await postfix('start');
    await eventually('postfix runs', () => isRunning(at('conf')));
  };
  const stop = async () => {
    await postfix('abort').catch(() => undefined);
    await eventually('postfix ends', async () => !(await isRunning(at('conf'))));
  };
  try {
    await start();
  } catch (error) {
    await stop();
    await dir[Symbol.asyncDispose]();
    throw error;
  }
  return {
    port,
    ca: certificates.ca,
    start,
    stop,
    async mails(user = 'admin') {
      const folder = at(`maildir/${user}/new`);
      const names = await readdir(folder).catch((): string[] => []);
      return Promise.all(names.sort().map((name) => readFile(join(folder, name), 'utf8')));
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await dir[Symbol.asyncDispose]();
    },
  };
}

async function isRunning(conf: string): Promise<boolean> {
  return await run('postfix', ['-c', conf, 'status']).then(
    () => true,
    () => false,
  );
}

async function uidOf(user: string): Promise<number> {
  return Number((await run('id', ['-u', user])).stdout);
}

function settings(dir: string, { certificate, key }: { certificate: string; key: string }): string {
  return `compatibility_level = 3.6
queue_directory = ${dir}/queue
data_directory = ${dir}/data
maillog_file = ${dir}/mail.log
maillog_file_prefixes = ${dir}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.${DOMAIN}
mydestination =
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = ${DOMAIN}
virtual_mailbox_base = ${dir}/maildir
virtual_mailbox_maps = inline:{ admin@${DOMAIN}=admin/, second@${DOMAIN}=second/ }
virtual_uid_maps = static:${MAIL_UID}
virtual_gid_maps = static:${MAIL_UID}
virtual_minimum_uid = 1
smtpd_tls_cert_file = ${certificate}
smtpd_tls_key_file = ${key}
smtpd_tls_security_level = encrypt
smtpd_recipient_restrictions = reject_unlisted_recipient, permit_mynetworks, reject
smtpd_relay_restrictions = permit_mynetworks, reject
message_size_limit = 65536
smtputf8_enable = no
alias_maps =
alias_database =
local_recipient_maps =
smtpd_peername_lookup = no
`;
}

/** The programs of postfix that take a mail and deliver it here: name, type, private, unprivileged, chroot, wake-up, how many. */
function services(port: number): string {
  return `127.0.0.1:${port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`;
}
