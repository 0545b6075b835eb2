/** The systems that tests drive: which are real, what a stand-in is held to, and which test files exercise them. */

export interface System {
  name: string;
  /** Asks the real system for its version; absent for a stand-in. */
  version?: { argv: readonly [string, ...string[]]; pattern: RegExp };
  /** For a stand-in: what it is held to. */
  heldTo?: string;
  /** Test files, or the beginnings of their paths. */
  tests: readonly string[];
}

const real = (name: string, argv: readonly [string, ...string[]], pattern: RegExp, ...tests: string[]): System => ({
  name,
  version: { argv, pattern },
  tests,
});

const standIn = (name: string, heldTo: string, ...tests: string[]): System => ({ name, heldTo, tests });

const NUMBER = /\d+(?:\.\d+)+[^\s,;]*/;

export const SYSTEMS: readonly System[] = [
  real(
    'Redis',
    ['redis-server', '--version'],
    /v=(\S+)/,
    'test/queue/',
    'test/guarantees/',
    'test/plugins/services/tried-dumps',
    'test/plugins/services/databases-in-',
    'test/system/compose-databases',
  ),
  real('GNU tar', ['tar', '--version'], NUMBER, 'test/archive/'),
  real('zstd', ['zstd', '--version'], /v(\d\S+\d)/, 'test/archive/'),
  real(
    'Docker Engine',
    ['dockerd', '--version'],
    NUMBER,
    'test/plugins/services/docker-compose',
    'test/plugins/hypervisors/docker',
    'test/plugins/hypervisors/unraid.systems',
    'test/plugins/services/databases-in-containers',
    'test/system/docker-compose',
    'test/system/compose-databases',
    'test/system/drill.systems',
    'test/system/guest-update',
  ),
  real(
    'libvirt',
    ['virsh', '--version'],
    NUMBER,
    'test/plugins/hypervisors/libvirt',
    'test/plugins/hypervisors/remote',
    'test/plugins/hypervisors/unraid-machines',
    'test/system/machine-update',
  ),
  real(
    'QEMU',
    ['qemu-system-x86_64', '--version'],
    NUMBER,
    'test/plugins/hypervisors/libvirt',
    'test/plugins/hypervisors/unraid-machines',
    'test/plugins/destinations/nfs-mount',
    'test/system/machine-update',
  ),
  real(
    'docker-compose',
    ['docker-compose', 'version', '--short'],
    NUMBER,
    'test/plugins/services/docker-compose',
    'test/system/compose-update',
  ),
  real('Docker registry', ['docker-registry', '--version'], NUMBER, 'test/sdk/registry', 'test/system/updates'),
  real(
    'OpenSSH server',
    ['ssh', '-V'],
    /OpenSSH_(\S+?),?\s/,
    'test/plugins/destinations/sftp',
    'test/system/remote-destinations',
    'test/plugins/hypervisors/remote',
    'test/plugins/hypervisors/esxi-ssh',
    'test/plugins/hypervisors/unraid.systems',
    'test/plugins/hypervisors/unraid-machines',
    'test/system/machine-update',
  ),
  real('rclone', ['rclone', 'version'], /v(\d\S+)/, 'test/plugins/destinations/rclone'),
  real(
    'restic',
    ['restic', 'version'],
    NUMBER,
    'test/plugins/destinations/restic',
    'test/plugins/destinations/restic-locks',
    'test/plugins/destinations/restic-refusals',
    'test/system/remote-destinations',
  ),
  real(
    's3rver, a third-party S3 server for tests',
    ['node', '-p', "require('s3rver/package.json').version"],
    NUMBER,
    'test/plugins/destinations/s3',
    'test/system/remote-destinations',
  ),
  real('NFS-Ganesha', ['ganesha.nfsd', '-v'], /V(\d\S*)/, 'test/plugins/destinations/nfs-mount'),
  real(
    'NFS client of the Linux kernel',
    [
      'grep',
      '--text',
      '--only-matching',
      '--max-count=1',
      'Debian [0-9][^ ]*',
      'node_modules/.cache/nfs-guest/vmlinuz',
    ],
    NUMBER,
    'test/plugins/destinations/nfs-mount',
  ),
  real('Caddy', ['caddy', 'version'], NUMBER, 'test/plugins/services/caddy', 'test/system/caddy'),
  real('apt', ['apt-get', '--version'], NUMBER, 'test/plugins/services/generic-apt', 'test/system/caddy'),
  real(
    'Postfix',
    ['postconf', '-d', 'mail_version'],
    NUMBER,
    'test/plugins/notifications/email',
    'test/system/notifications',
  ),
  real(
    'PostgreSQL',
    ['psql', '--version'],
    NUMBER,
    'test/plugins/services/databases',
    'test/plugins/services/tried-dumps',
    'test/system/databases',
    'test/system/compose-databases',
  ),
  real(
    'MariaDB',
    ['mariadbd', '--version'],
    NUMBER,
    'test/plugins/services/databases',
    'test/plugins/services/tried-dumps',
    'test/system/compose-databases',
  ),
  real(
    'SQLite',
    ['sqlite3', '--version'],
    NUMBER,
    'test/plugins/services/databases',
    'test/plugins/services/tried-dumps',
    'test/system/compose-databases',
  ),
  real(
    'LXC',
    ['lxc-start', '--version'],
    NUMBER,
    'test/plugins/hypervisors/proxmox-lxc',
    'test/system/lxc-update',
    'test/system/worker-in-guest',
    'test/system/compose-in-guest',
  ),
  real('btrfs', ['btrfs', '--version'], /v(\S+)/, 'test/plugins/hypervisors/proxmox-lxc'),
  standIn('Proxmox VE', 'the API description of 9.1.3; its containers are real', 'test/plugins/hypervisors/proxmox'),
  standIn(
    'VMware ESXi and vCenter',
    'the simulator of govmomi, and public recordings of vim-cmd',
    'test/plugins/hypervisors/esxi',
    'test/system/machine-update',
  ),
  standIn(
    'Unraid',
    'the GraphQL schema of API 4.37.2; its containers and machines are real',
    'test/plugins/hypervisors/unraid',
    'test/system/machine-update',
  ),
  standIn(
    'MongoDB',
    'the documentation of its programs, and the description of archives that mongo-tools publishes',
    'test/plugins/services/mongodb',
  ),
  standIn('Slack', 'its documented answers and limits', 'test/plugins/notifications/slack'),
  standIn('Discord', 'its documented answers and limits', 'test/plugins/notifications/discord'),
  standIn('Nginx Proxy Manager', 'the API description that it publishes', 'test/plugins/services/nginx-proxy-manager'),
  standIn('Apprise API', 'its documented API', 'test/plugins/notifications/apprise'),
  standIn('ntfy', 'its documented API', 'test/plugins/notifications/ntfy'),
];
