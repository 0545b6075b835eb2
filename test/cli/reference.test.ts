/** The reference page of the command line tells what the command line takes. */
import { expect, test } from 'vitest';
import { commands } from '#cli/commands/index.ts';
import { cliReference } from '#cli/reference.ts';

test('docs/reference/cli.md is what the commands say; renew it with  vitest run test/cli/reference.test.ts -u', async () => {
  await expect(cliReference(commands)).toMatchFileSnapshot('../../docs/reference/cli.md');
});
