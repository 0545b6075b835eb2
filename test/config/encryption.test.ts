/** The `encryption:` of backups: what is a recipient, and that nothing stays plain by mistake. */
import { describe, expect, test } from 'vitest';
import { formatIssue } from '#config/issues.ts';
import { checked, SOUND } from '#test/config/fixture.ts';

/** From the documentation of age. */
const AGE = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';
const SSH = `ssh-ed25519 ${sshEd25519()}`;

function sshEd25519(): string {
  const kind = Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x20', 'latin1');
  return Buffer.concat([kind, Buffer.alloc(32, 7)]).toString('base64');
}

/** The sound configuration with something said of encryption for all services. */
function for_(encryption: string): string {
  return SOUND.replace('backup:\n', `backup:\n  encryption: ${encryption}\n`);
}

async function told(main: string): Promise<string> {
  const { errors, directory } = await checked(main);
  return errors.map((issue) => formatIssue(issue, directory)).join('\n');
}

test('recipients of two kinds and the place of the identity hold for every service that says nothing else', async () => {
  const { config, errors, directory } = await checked(
    for_(`{ recipients: [${AGE}, "${SSH} somebody@somewhere"], identity_file: secrets/age.key }`),
  );

  expect(errors).toEqual([]);
  expect(config?.services[0]?.backup?.encryption).toEqual({
    recipients: [AGE, SSH],
    identity: {
      $secret: { path: 'backup.encryption.identity', source: { from: 'file', file: `${directory}/secrets/age.key` } },
    },
  });
  expect(config?.identity).toEqual(config?.services[0]?.backup?.encryption.identity);
});

test('encryption that is switched off keeps the identity for the sets of before', async () => {
  const { config } = await checked(for_(`{ enabled: false, recipients: [${AGE}], identity_file: age.key }`));

  expect(config?.services[0]?.backup?.encryption).toMatchObject({ recipients: [], identity: { $secret: {} } });
});

test('an identity without recipients is an error: nothing would be encrypted', async () => {
  expect(await told(for_('{ identity_file: age.key }'))).toContain(
    'encryption without recipients would encrypt nothing',
  );
});

describe('a recipient that is none is told with its place, and is not repeated', () => {
  test.each([
    ['mistyped', AGE.replace('z7h', 'z8h'), 'is mistyped: its checksum does not fit'],
    ['cut off', AGE.slice(0, 40), 'has 40 characters, and a recipient of age has 62'],
    ['an identity', `AGE-SECRET-KEY-1${'Q'.repeat(58)}`, 'this is an identity, the secret half of a key'],
    [
      'of a plugin',
      'age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t',
      'age1yubikey are not taken',
    ],
    [
      'an SSH key of a kind that age does not take',
      'ecdsa-sha2-nistp256 AAAAE2VjZHNh',
      'age takes ssh-ed25519 and ssh-rsa',
    ],
    ['a torn SSH key', SSH.slice(0, 40), 'is cut off or mistyped: copy the whole line'],
    ['something else', 'me@example.org', 'not a recipient: write an age1… line'],
  ])('%s', async (_what, recipient, message) => {
    const text = await told(for_(`{ recipients: ["${recipient}"] }`));

    expect(text).toMatch(/^homelab-autopilot\.yaml:\d+:\d+ {2}backup\.encryption\.recipients\[0\]\n/);
    expect(text).toContain(message);
    expect(text).not.toContain(recipient);
  });
});
