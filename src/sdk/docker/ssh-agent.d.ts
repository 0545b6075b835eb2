/** The half of docker-modem that goes through SSH, of which its types say nothing. */
declare module 'docker-modem/lib/ssh.js' {
  import type DockerModem from 'docker-modem';
  import type { ConnectConfig } from 'ssh2';

  /** For one request: it ends its connection with it. */
  export default function sshAgent(options: ConnectConfig): NonNullable<DockerModem.ConstructorOptions['agent']>;
}
