/** What waits for a WebSocket that is congested. */

/** A client that does not read its replies gets no more of them. */
export const OUTBOX_BYTES_MAX = 262_144

export interface Outgoing {
  readonly data: string | Uint8Array
  readonly binary: boolean
}
