/**
 * A link: `sluice.v1` over HTTP, for networks that let no WebSocket through. The frames are those of a WebSocket, each on a line of
 * its own; what a WebSocket does beside frames has lines of its own too:
 *
 *   {"type":…}          a text frame
 *   AAAAK3siV…          a binary frame, as base64
 *   "node.….…"          the first line that the gateway sends: the link's credential
 *   [4401,"why"]        the last one: it is closed, with this code
 */

/** Where the credential of a link stands. Not in the URL: proxies log that. */
export const LINK_HEADER = 'sluice-link'

/** A poll is answered by then at the latest, with nothing. */
export const LINK_POLL_MS = 25_000

/** One answer to a poll holds about this much; the rest is in the next one. */
export const LINK_ANSWER_BYTES_MAX = 262_144
