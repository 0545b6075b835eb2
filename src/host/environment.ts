/** The environment that commands get: small, the same everywhere, and free of what our own process was given. */

/** Passed on when they are set. All else (tokens, `NODE_OPTIONS`, `REDIS_URL` …) stays with us. */
const PASSED_ON = [
  'HOME',
  'USER',
  'LOGNAME',
  'TZ',
  'TMPDIR',
  'XDG_RUNTIME_DIR',
  'DBUS_SESSION_BUS_ADDRESS',
  // Where `docker login` writes: who asks a registry and who pulls from it must be the same.
  'DOCKER_CONFIG',
];

/** A service manager or cron may start us without the administrator's folders. */
const STANDARD_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Messages of tools are read by people and by programs, so they are in one language. */
const LOCALE = { LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' };

export type Environment = Record<string, string> & { PATH: string };

export function childEnvironment(ours: NodeJS.ProcessEnv, added: Record<string, string> = {}): Environment {
  const passed = PASSED_ON.flatMap((name) => {
    const value = ours[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { PATH: searchPath(ours['PATH']), ...Object.fromEntries(passed), ...LOCALE, ...added };
}

function searchPath(ours = ''): string {
  const folders = ours.split(':').filter((folder) => folder.startsWith('/'));
  return [...new Set([...folders, ...STANDARD_FOLDERS])].join(':');
}
