/** Whether somebody has stopped a systemd service, which is then not ours to start: what failed was not stopped by a person. */
import type { Argv, Tools } from '#sdk/tools.ts';

const ANSWER_MS = 10_000;

/** @returns false where nobody can tell, and so for what is no service of this system at all. */
export async function isStoppedOnPurpose(tools: Pick<Tools, 'exec'>, unit: string): Promise<boolean> {
  const words: Argv = ['systemctl', 'show', '--property=ActiveState,Result,LoadState', '--', unit];
  const stdout = await tools.exec(words, { timeoutMs: ANSWER_MS }).then(
    (done) => done.stdout,
    () => '',
  );
  const facts = new Map(stdout.split('\n').map((line) => line.split('=', 2) as [string, string | undefined]));
  const isKnown = facts.get('LoadState') === 'loaded' || facts.get('LoadState') === 'masked';
  return isKnown && facts.get('ActiveState') === 'inactive' && facts.get('Result') === 'success';
}
