/** Who tells: the last line of a message, from which homelab and host it comes, and when. */
import { localTime } from '#notify/local-time.ts';

export interface Origin {
  homelab: string;
  timezone: string;
}

export function senderLine({ homelab, timezone }: Origin, host: string, at: Date): string {
  return `${homelab} · ${host} · ${localTime(at.toISOString(), timezone)}`;
}
