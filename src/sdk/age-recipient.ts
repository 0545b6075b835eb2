/** Recipients of age as people write them: which of them we take, and what is wrong with one that we do not. */

const FORMS = 'an age1… line as age-keygen prints it, or an SSH public key (ssh-ed25519 … or ssh-rsa …)';

/**
 * What is wrong with a recipient; undefined when nothing is. The text is not repeated: it may be a secret by mistake.
 * Recipients of age's plugins are not taken, and neither are those that may stand with no other kind (age1pq…):
 * each set is encrypted for a key of its own besides, by which it is read back.
 */
export function recipientProblem(text: string): string | undefined {
  if (/^age-secret-key-/i.test(text) || text.includes('PRIVATE KEY')) {
    return 'this is an identity, the secret half of a key: take it out of here; age-keygen -y FILE prints its recipient';
  }
  if (text.startsWith('age1')) return ageProblem(text);
  if (/^(ssh|ecdsa|sk)-/.test(text)) return sshProblem(text);
  return `not a recipient: write ${FORMS}`;
}

/** Without the comment that an SSH key may end in: it often names a person and a machine. */
export function withoutComment(recipient: string): string {
  return recipient.trim().split(/\s+/).slice(0, 2).join(' ');
}

/** `age1`, 52 characters of key and 6 of checksum. */
const AGE_LENGTH = 62;

function ageProblem(text: string): string | undefined {
  const plugin = /^age1([a-z0-9]+)1/.exec(text)?.[1];
  if (plugin !== undefined && text.length !== AGE_LENGTH) {
    return `recipients of the kind age1${plugin} are not taken: write ${FORMS}`;
  }
  if (text.length !== AGE_LENGTH) return `has ${text.length} characters, and a recipient of age has ${AGE_LENGTH}`;
  return isBech32(text) ? undefined : 'is mistyped: its checksum does not fit';
}

const LETTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

/** The checksum of BIP 173, which notices up to four wrong characters. */
function isBech32(text: string): boolean {
  const split = text.lastIndexOf('1');
  const prefix = Array.from(text.slice(0, split), (letter) => letter.charCodeAt(0));
  const data = Array.from(text.slice(split + 1), (letter) => LETTERS.indexOf(letter));
  if (data.includes(-1)) return false;
  const values = [...prefix.map((code) => code >> 5), 0, ...prefix.map((code) => code & 31), ...data];
  return values.reduce(step, 1) === 1;
}

function step(checksum: number, value: number): number {
  const top = checksum >> 25;
  const shifted = ((checksum & 0x1ffffff) << 5) ^ value;
  return GENERATORS.reduce((sum, generator, bit) => ((top >> bit) & 1 ? sum ^ generator : sum), shifted);
}

function sshProblem(text: string): string | undefined {
  const [kind = '', encoded = ''] = text.trim().split(/\s+/);
  if (kind !== 'ssh-ed25519' && kind !== 'ssh-rsa') return `age takes ssh-ed25519 and ssh-rsa keys, and no ${kind}`;
  const bytes = Buffer.from(encoded, 'base64');
  // The key begins with its kind once more, after its length in four bytes.
  const named = bytes.length > 4 && bytes.subarray(4, 4 + bytes.readUInt32BE(0)).toString('latin1') === kind;
  const whole = kind === 'ssh-rsa' ? bytes.length > 100 : bytes.length === 51;
  return named && whole ? undefined : 'is cut off or mistyped: copy the whole line of the .pub file';
}
