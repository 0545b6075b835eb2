/** The `encryption:` of backups: for whom sets are encrypted, and where the identity is that opens them. */
import { z } from 'zod';
import { addError } from '#config/issues.ts';
import { locate } from '#config/locate.ts';
import { fullPath, type Section } from '#config/section.ts';
import { recipientProblem, withoutComment } from '#sdk/age-recipient.ts';
import type { Encryption } from '#sdk/encryption.ts';
import { secret } from '#sdk/secret.ts';

const Recipient = z.string().superRefine((text, context) => {
  const message = recipientProblem(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

const EncryptionFields = z.object({
  enabled: z.boolean().default(true).describe('Set to false to encrypt no more; what is encrypted can still be opened'),
  recipients: z
    .array(Recipient)
    .default([])
    .describe('Recipients of age (age1…, ssh-ed25519 …, ssh-rsa …): the identity of any one of them opens a set'),
  identity: secret()
    .optional()
    .describe(
      'What opens sets on the host of the service: for restores, rollbacks, updates and drills. Several may follow one another in it',
    ),
});

export function encryptionField() {
  return EncryptionFields.optional().describe('Encrypts sets with age before they leave the host');
}

/** Nothing said of it, here or in the defaults: sets are plain. Something said: they must not be plain by mistake. */
export function compileEncryption(
  encryption: z.output<ReturnType<typeof encryptionField>>,
  { section, inherited }: { section: Section; inherited: boolean },
): Encryption {
  if (encryption === undefined) return { recipients: [], identity: null };
  const { enabled, recipients, identity = null } = encryption;
  // A service may say the rest alone, so the defaults are judged together with what each service says.
  if (inherited && enabled && recipients.length === 0) {
    const path = ['encryption'];
    addError(section.report, {
      at: locate(section.node, path).at,
      path: fullPath({ section, path }),
      message: 'encryption without recipients would encrypt nothing: name one or more, or say  enabled: false',
    });
  }
  return { recipients: enabled ? [...new Set(recipients.map(withoutComment))] : [], identity };
}
