/** What a probe saw when it was asked once. */

export interface Seen {
  ok: boolean;
  detail: string;
}
