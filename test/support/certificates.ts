/** An authority of a test's own, and certificates of servers on loopback signed by it. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Certificates {
  /** Paths of PEM files. */
  ca: string;
  certificate: string;
  key: string;
}

export interface CertificateSettings {
  /** Whom it is for. */
  names?: string;
  /** From when to when, as openssl writes it: 20200101000000Z. Default: today and tomorrow. */
  from?: string;
  to?: string;
}

/** For `localhost` and 127.0.0.1, unless the test says otherwise. */
export async function makeCertificates(directory: string, settings: CertificateSettings = {}): Promise<Certificates> {
  const { names = 'DNS:localhost,IP:127.0.0.1', from, to } = settings;
  const file = (name: string) => join(directory, name);
  const openssl = (...words: string[]) => run('openssl', words);
  const keys = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await writeFile(file('names.ext'), `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`);
  const authority = ['-x509', '-days', '2', '-subj', '/CN=test authority'];
  await openssl('req', ...keys, ...authority, '-keyout', file('ca.key'), '-out', file('ca.pem'));
  await openssl('req', ...keys, '-subj', '/CN=localhost', '-keyout', file('server.key'), '-out', file('server.csr'));
  const made = ['-in', file('server.csr'), '-extfile', file('names.ext'), '-out', file('server.pem')];
  if (from === undefined || to === undefined) {
    const signing = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2'];
    await openssl('x509', '-req', ...signing, ...made);
  } else {
    await writeFile(file('ca.cnf'), bookkeeping(directory));
    await writeFile(file('index'), '');
    const signing = ['-batch', '-notext', '-rand_serial', '-cert', file('ca.pem'), '-keyfile', file('ca.key')];
    await openssl('ca', '-config', file('ca.cnf'), ...signing, '-startdate', from, '-enddate', to, ...made);
  }
  return { ca: file('ca.pem'), certificate: file('server.pem'), key: file('server.key') };
}

/** Only the command that keeps books can sign for another time than from now on. */
function bookkeeping(directory: string): string {
  const settings = `database=${directory}/index\nserial=${directory}/serial\nnew_certs_dir=${directory}\ndefault_md=sha256\npolicy=any\n`;
  return `[ca]\ndefault_ca=books\n[books]\n${settings}[any]\ncommonName=supplied\n`;
}

/** Signed by itself, for 127.0.0.1. */
export async function makeSelfSigned(directory: string): Promise<Certificates> {
  const [key, certificate] = [join(directory, 'self.key'), join(directory, 'self.pem')];
  const keys = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key];
  const names = ['-subj', '/CN=lonely', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await run('openssl', ['req', '-x509', '-days', '2', ...keys, ...names, '-out', certificate]);
  return { ca: certificate, certificate, key };
}
