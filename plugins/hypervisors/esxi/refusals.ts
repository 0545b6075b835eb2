/** What the faults of vSphere mean, and what to do about each. */
import { AutopilotError, type ErrorCode } from '#kernel/errors.ts';
import { type EsxiTools, placeOf } from './config.ts';

export interface Fault {
  /** As vSphere names it: `NoPermission`, `TaskInProgress`. */
  type: string;
  text: string;
  /** The right that is missing, when it is one. */
  privilege?: string | undefined;
}

interface Meaning {
  faults: RegExp;
  code?: ErrorCode;
  what: string;
  next: string;
}

const MEANINGS: readonly Meaning[] = [
  {
    faults: /^RestrictedVersion$/,
    what: 'the licence of this host makes its API read-only',
    next: 'give the host a licence, or reach it by  ssh:  instead of  url:',
  },
  {
    faults: /^(TaskInProgress|VmWwnConflict|ConcurrentAccess|SnapshotLocked|FileLocked)$/,
    what: 'another task holds the guest',
    next: 'wait for that task to end; the recent tasks in the web client show it',
  },
  {
    faults: /^ToolsUnavailable$/,
    what: 'VMware Tools do not run in the guest, so nobody there can be asked',
    next: 'install open-vm-tools in the guest, or let it be switched off by force',
  },
  {
    faults: /^(ManagedObjectNotFound)$/,
    code: 'HA_NOT_FOUND',
    what: 'it is not there any more',
    next: 'see in the web client whether the guest was removed or registered anew',
  },
  {
    faults: /^(NoDiskSpace|InsufficientStorageSpace)$/,
    code: 'HA_NO_SPACE',
    what: 'the datastore is full',
    next: 'make room on the datastore of the guest, then start a new run',
  },
  {
    faults: /^(HostNotConnected|HostNotReachable|HostCommunication|HostConnectFault)$/,
    code: 'HA_REMOTE_UNREACHABLE',
    what: 'vCenter cannot reach the host of the guest',
    next: 'see whether that host is on, and connected in vCenter',
  },
  {
    faults: /^(InvalidPowerState|InvalidState|GuestOperationsUnavailable|VmConfigIncompatibleForFaultTolerance)$/,
    what: 'the guest is in no state for that',
    next: 'see its state in the web client',
  },
  {
    faults: /^(FilesystemQuiesceFault|ApplicationQuiesceFault)$/,
    what: 'the file systems of the guest could not be brought to rest',
    next: 'see the log of VMware Tools in the guest',
  },
  {
    faults: /Snapshot/,
    what: 'vSphere cannot snapshot it or go back',
    next: 'see its snapshots and disks in the web client; consolidate its disks if it says so',
  },
];

/** @param doing completes "may not …", "could not …". */
export function refusal(tools: EsxiTools, fault: Fault, doing: string): AutopilotError {
  const { name } = tools;
  const said = fault.text.trim().replaceAll(/\s+/g, ' ').slice(0, 300);
  if (fault.type === 'InvalidLogin') return notLetIn(tools);
  if (fault.type === 'NoPermission') {
    const which = fault.privilege === undefined ? said : `the right ${fault.privilege} is missing`;
    return new AutopilotError('HA_REMOTE_REFUSED', `${name}: may not ${doing}: ${which}`, {
      next: `give ${tools.config.username} a role that has it, on the guest or above it`,
    });
  }
  const meaning = MEANINGS.find(({ faults }) => faults.test(fault.type));
  const why = [meaning?.what, said === '' ? fault.type : `${said} (${fault.type})`].filter(
    (part) => part !== undefined,
  );
  return new AutopilotError(meaning?.code ?? 'HA_REMOTE_REFUSED', `${name}: could not ${doing}: ${why.join(': ')}`, {
    next: meaning?.next ?? 'see the recent tasks in the web client',
  });
}

function notLetIn(tools: EsxiTools): AutopilotError {
  const text = `${tools.name}: ${placeOf(tools)} does not let ${tools.config.username} in: the user or the password is wrong`;
  return new AutopilotError('HA_REMOTE_REFUSED', text, {
    next: 'correct username and password; an ESXi host locks a user for some minutes after five wrong tries',
  });
}
