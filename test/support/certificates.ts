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

/** For `localhost` and 127.0.0.1. */
export async function makeCertificates(directory: string): Promise<Certificates> {
  const file = (name: string) => join(directory, name);
  const openssl = (...words: string[]) => run('openssl', words);
  const keys = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n';
  await writeFile(file('names.ext'), names);
  const authority = ['-x509', '-days', '2', '-subj', '/CN=test authority'];
  await openssl('req', ...keys, ...authority, '-keyout', file('ca.key'), '-out', file('ca.pem'));
  await openssl('req', ...keys, '-subj', '/CN=localhost', '-keyout', file('server.key'), '-out', file('server.csr'));
  const signing = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2'];
  const made = ['-in', file('server.csr'), '-extfile', file('names.ext'), '-out', file('server.pem')];
  await openssl('x509', '-req', ...signing, ...made);
  return { ca: file('ca.pem'), certificate: file('server.pem'), key: file('server.key') };
}
