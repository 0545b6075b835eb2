/** What a probe saw when it was asked once. */

export interface Seen {
  ok: boolean;
  detail: string;
  /** Another one each time that what was looked at began anew: good before and good after is then not "stayed good". */
  began?: string;
}
