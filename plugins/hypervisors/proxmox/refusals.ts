/** What Proxmox VE's refusals mean, and what to do about each. */
import { AutopilotError } from '#kernel/errors.ts';
import type { ProxmoxTools } from './config.ts';

export interface Refusal {
  /** Of the answer; absent when it is the end of a task that says no. */
  status?: number;
  text: string;
}

const RIGHT = /Permission check failed(?: \(([^,)]+), ([^)]+)\))?/;
const LOCKED = /\b(?:is )?locked(?: \(([^)]*)\))?|can't (?:acquire )?lock|got lock timeout/i;
const FULL = /no space left|not enough (?:free )?space|out of space|disk quota exceeded/i;

/** @param doing completes "may not …", "it could not …". */
export function refusal({ name }: ProxmoxTools, { status, text }: Refusal, doing: string): AutopilotError {
  const said = text.trim().replaceAll(/\s+/g, ' ').slice(0, 300);
  if (status === 401) {
    return new AutopilotError(
      'HA_REMOTE_REFUSED',
      `${name}: the token is not accepted (${said || 'no reason given'})`,
      {
        next: 'check the token: USER@REALM!TOKENID=UUID, not removed, not expired, its user enabled',
      },
    );
  }
  const [denied, path, right] = RIGHT.exec(said) ?? [];
  if (status === 403 || denied !== undefined) return missingRight(name, { path, right, said, doing });
  if (/Configuration file '[^']*' does not exist/.test(said))
    return new AutopilotError('HA_NOT_FOUND', `${name}: ${said}`);
  const [locked, by = ''] = LOCKED.exec(said) ?? [];
  if (locked !== undefined) {
    return new AutopilotError('HA_REMOTE_REFUSED', `${name}: could not ${doing}: the guest is locked (${by || said})`, {
      next: 'wait for what holds it to end; a lock that was left over is removed with  pct unlock  or  qm unlock',
    });
  }
  if (FULL.test(said)) {
    return new AutopilotError('HA_NO_SPACE', `${name}: could not ${doing}: a storage is full: ${said}`, {
      next: 'make room on the storage, then start a new run',
    });
  }
  return new AutopilotError('HA_REMOTE_REFUSED', `${name}: could not ${doing}: ${said || `it answered ${status}`}`, {
    next: 'see the task in the web interface of Proxmox VE',
  });
}

interface Missing {
  path: string | undefined;
  right: string | undefined;
  said: string;
  doing: string;
}

function missingRight(name: string, { path, right, said, doing }: Missing): AutopilotError {
  const which = right === undefined ? said : `the right ${right.replaceAll('|', ' or ')} on ${path} is missing`;
  return new AutopilotError('HA_REMOTE_REFUSED', `${name}: may not ${doing}: ${which}`, {
    next: 'grant a role that has it to the user and to the token, both, with  pveum acl modify',
  });
}
