/** Starts the daemons of a libvirt that the caller has for itself, and ends them with everything that they started. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';

export const SYSTEM = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, LC_ALL: 'C' };

/** There is one socket for all of a system, so test files take turns. */
const LOCK = '/run/homelab-autopilot-test-libvirt.lock';

/** One that the user runs is used as it is. It ends when its input does, so that it never outlives its test. */
const TAKE_TURNS = `if virsh --connect qemu:///system version >/dev/null 2>&1; then echo ready; exec cat; fi
exec unshare --mount --propagation slave --pid --fork --mount-proc --kill-child sh -c "$1"`;

/**
 * Processes of their own, whose first one buries what ended: libvirt waits for each QEMU until nothing is left of it, and
 * the first process of a container or of a small machine may come round every two seconds, or, when there is much to do,
 * after minutes. That one must wait for its children and not for its input: a shell that reads buries nobody.
 * State of their own too, in memory: no network of the system is started, and nothing is left when a test is killed.
 */
const DAEMONS = `for place in /var/cache/libvirt /etc/libvirt/qemu /var/lib/libvirt; do
  mkdir -p "$place" && mount -t tmpfs none "$place" || exit 1
done
virtlogd & logs=$!
libvirtd & libvirt=$!
until virsh --connect qemu:///system version >/dev/null 2>&1; do
  kill -0 $libvirt || exit 1
  sleep 0.1
done
echo ready
exec 3<&0
{ read -r end <&3; kill $libvirt; } &
wait $libvirt
kill $logs
wait $logs
true`;

export async function startDaemons(): Promise<AsyncDisposable> {
  const words = ['--exclusive', LOCK, 'sh', '-c', TAKE_TURNS, 'sh', DAEMONS];
  const daemons = spawn('flock', words, { env: SYSTEM, stdio: 'pipe' });
  const ended = once(daemons, 'exit');
  const complaints = text(daemons.stderr);
  const ready = await Promise.race([once(createInterface(daemons.stdout), 'line'), ended.then(() => undefined)]);
  if (ready === undefined) throw new Error(`libvirt did not start: ${(await complaints).slice(-2000)}`);
  return {
    async [Symbol.asyncDispose]() {
      daemons.stdin.end();
      await ended;
    },
  };
}
