/** Parts of plans that protect the guest in which a service runs: its snapshot, the way back to it, and its removal. */
import type { PlanContext, StepNode } from '#sdk/workflow.ts';
import { persistent } from '#sdk/workflow.ts';

interface Protection {
  /** Looks before anything is stopped: no snapshot, no change. */
  check: StepNode;
  make: StepNode;
  /** From whatever the guest is now. It needs nothing that is in the guest, for that may not start any more. */
  back: StepNode;
  remove: StepNode;
}

/** Null when the service names no guest. */
export function protectionOf({ guest: named, run }: PlanContext): Protection | null {
  if (named === null) return null;
  const { hypervisor, id: guest } = named;
  const snapshot = { guest, label: run.snapshot, run: run.id };
  return {
    check: hypervisor.do(
      'canSnapshot',
      { guest },
      { key: 'can-snapshot', title: 'snapshot possible', failUnless: 'possible' },
    ),
    make: hypervisor.do('snapshot', snapshot, { title: `snapshot of ${guest}` }),
    back: hypervisor.do('restoreSnapshot', snapshot, { title: `${guest} back to its snapshot` }),
    remove: persistent(hypervisor.do('deleteSnapshot', snapshot, { title: 'remove the snapshot' })),
  };
}
