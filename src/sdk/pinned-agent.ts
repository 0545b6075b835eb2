/** Connections by HTTPS for a library that makes its requests itself: to the server that is meant, or to none. */
import { Agent } from 'node:https';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import type { Trust } from '#sdk/pinned-https.ts';

/** The code of the error with which a connection ends when the server shows another certificate than the pinned one. */
export const OTHER_CERTIFICATE = 'HA_OTHER_CERTIFICATE';

export function pinnedAgent({ fingerprint, ca }: Trust): Agent {
  const agent = new Agent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) });
  if (fingerprint === undefined) return agent;
  // No request is written to a connection before it is handed over, and it is handed over when the server is known.
  agent.createConnection = ({ host, port }, handOver) => {
    const at = host ?? '';
    const socket = connect({
      host: at,
      port: Number(port),
      ...(isIP(at) === 0 ? { servername: at } : {}),
      // The comparison below takes the place of the authority's word.
      rejectUnauthorized: false,
    });
    const refuse = (error: Error) => handOver?.(error, socket);
    socket.once('error', refuse);
    socket.once('secureConnect', () => {
      socket.removeListener('error', refuse);
      const shown = socket.getPeerCertificate().fingerprint256;
      if (shown === fingerprint.toUpperCase()) return handOver?.(null, socket);
      socket.destroy();
      const message = `its certificate is ${shown}, pinned is ${fingerprint.toUpperCase()}`;
      refuse(Object.assign(new Error(message), { code: OTHER_CERTIFICATE }));
    });
    return undefined;
  };
  return agent;
}
